"""The conversations of a list: find, create, copy, bring in, take out."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from conductor.conversations import editing
from conductor.conversations.actions import (
    apply_file,
    create_conversation,
    delete_conversation,
    duplicate_conversation,
    exported,
    statuses,
)
from conductor.conversations.document import parse_document
from conductor.conversations.drawing import slug_of
from conductor.conversations.forms import ConversationForm, FileForm
from conductor.conversations.models import Conversation
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.standing import standings
from conductor.conversations.views.finding import clock, open_conversation
from conductor.conversations.writing import write_json, write_yaml

TRAIL = [("Authoring", ""), ("Conductor", "")]


@require_GET
@requires("view")
def conversations(request: AccountRequest, list_id: int) -> HttpResponse:
    """List the conversations of a list, the one changed last first."""
    in_list = choose_list(request, list_id)
    rows = list(
        Conversation.objects.filter(list=in_list, rehearsal_of=None)
        .select_related("published")
        .order_by("-modified_at", "-pk")
    )
    states = statuses(rows, now=clock())
    counts = standings(row.pk for row in rows)
    return render(
        request,
        "conversations/conversations.html",
        {
            "page_title": "Conversations",
            "breadcrumbs": [*TRAIL, ("Conversations", "")],
            "rows": [
                {
                    "conversation": row,
                    "state": states[row.pk],
                    "entered": counts[row.pk].entered if row.pk in counts else 0,
                    "waiting": counts[row.pk].inside if row.pk in counts else 0,
                    "converted": counts[row.pk].converted if row.pk in counts else 0,
                    "threads": [thread["thread"] for thread in row.draft.get("threads", [])],
                }
                for row in rows
            ],
            "file_form": FileForm(),
        },
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def new_conversation(request: AccountRequest, list_id: int) -> HttpResponse:
    """Create a conversation with its first thread."""
    in_list = choose_list(request, list_id)
    form = ConversationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now, given = clock(), form.cleaned_data
        try:
            made = create_conversation(
                list=in_list,
                name=given["name"],
                description=given["description"],
                now=now,
                by=request.user,
            )
            editing.add_thread(
                conversation=made,
                name=given["thread"],
                now=now,
                revision=made.revision,
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            slug = slug_of(parse_document(made.draft), " ".join(given["thread"].split()))
            return redirect("conversations:thread", request.account.slug, in_list.pk, made.pk, slug)
    return render(
        request,
        "conversations/new.html",
        {
            "page_title": "Create conversation",
            "breadcrumbs": [*TRAIL, ("Conversations", ""), ("Create conversation", "")],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@require_http_methods(["GET", "POST"])
@requires("edit")
def import_conversation(request: AccountRequest, list_id: int) -> HttpResponse:
    """Make a conversation file the draft of the list's conversation of that name."""
    in_list = choose_list(request, list_id)
    form = FileForm(request.POST or None, request.FILES or None)
    faults: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            document = parse_document(read_structure(form.cleaned_data["file"].read()))
            applied = apply_file(list=in_list, document=document, now=clock(), by=request.user)
        except MalformedConversationError as malformed:
            faults = [(fault.path, fault.text) for fault in malformed.faults]
            form.add_error("file", "This file cannot be taken; nothing was stored.")
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            verb = "brought in" if applied.is_new else "brought in as the new draft"
            messages.success(request, f"{applied.conversation.name} {verb}.")
            return redirect(
                "conversations:conversation",
                request.account.slug,
                in_list.pk,
                applied.conversation.pk,
            )
    return render(
        request,
        "conversations/import.html",
        {
            "page_title": "Import a conversation file",
            "breadcrumbs": [*TRAIL, ("Conversations", ""), ("Import", "")],
            "form": form,
            "faults": faults,
        },
        status=422 if form.is_bound else 200,
    )


@require_GET
@requires("view")
def export(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Download the draft as a conversation file, YAML or JSON."""
    opened = open_conversation(request, list_id, conversation_id)
    structure = exported(opened.conversation)
    kind = "json" if request.GET.get("format") == "json" else "yaml"
    written = write_json(structure) if kind == "json" else write_yaml(structure)
    name = slugify(opened.conversation.name) or "conversation"
    return HttpResponse(
        written,
        content_type=f"application/{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )


@require_POST
@requires("edit")
def duplicate(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Copy a conversation's draft into a new conversation."""
    opened = open_conversation(request, list_id, conversation_id)
    copy = duplicate_conversation(conversation=opened.conversation, now=clock(), by=request.user)
    messages.success(request, f"{copy.name} created.")
    return redirect("conversations:conversation", request.account.slug, list_id, copy.pk)


@require_http_methods(["GET", "POST"])
@requires("edit")
def delete(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Say what goes with a draft that never ran, and delete it."""
    opened = open_conversation(request, list_id, conversation_id)
    if request.method == "GET":
        return render(
            request,
            "conversations/delete.html",
            {
                **opened.context(now=clock()),
                "page_title": f"Delete {opened.conversation.name}",
                "breadcrumbs": opened.crumbs(("Delete", "")),
                "threads": len(opened.document.threads),
                "steps": len(opened.document.steps()),
                "runs": Conversation.objects.filter(rehearsal_of=opened.conversation).count(),
            },
        )
    try:
        delete_conversation(conversation=opened.conversation, now=clock(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{opened.conversation.name} deleted.")
    return redirect("conversations:conversations", request.account.slug, list_id)
