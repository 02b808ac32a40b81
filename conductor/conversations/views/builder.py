"""The builder: a thread on its canvas, tabs, live numbers, settings, undo."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from conductor.conversations import editing
from conductor.conversations.actions import ConversationChangedError
from conductor.conversations.actions.drafts import undo as undo_edit
from conductor.conversations.drawing import cards, slug_of, thread_slugs, thread_tabs
from conductor.conversations.forms import SettingsForm, ThreadForm, settings_initial
from conductor.conversations.forms.catalog import rule_catalog
from conductor.conversations.models import Revision
from conductor.conversations.reading import MalformedConversationError
from conductor.conversations.remarks import remarks
from conductor.conversations.setting_up import setting_up
from conductor.conversations.summary import glance
from conductor.conversations.views.finding import (
    CHANGED,
    Opened,
    clock,
    open_conversation,
    require_edit,
    revision_of,
)
from conductor.conversations.views.held import held_in


@require_GET
@requires("view")
def conversation(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Go to the first thread; a conversation without threads shows its empty canvas."""
    opened = open_conversation(request, list_id, conversation_id)
    slugs = list(thread_slugs(opened.document))
    if slugs:
        return opened.to("thread", slugs[0])
    return render(request, "conversations/builder.html", canvas(opened, ""))


@require_GET
@requires("view")
def thread(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str
) -> HttpResponse:
    """Show a thread: the draft, or with `?view=published` what runs."""
    opened = open_conversation(request, list_id, conversation_id)
    if request.GET.get("view") == "published":
        if opened.conversation.published is None:
            raise Http404
        opened.shown = opened.conversation.published.document
    return render(request, "conversations/builder.html", canvas(opened, thread))


def canvas(opened: Opened, slug: str, *, selected: str = "") -> dict[str, Any]:
    """Return what the builder shows of a thread; `selected` is the step with the panel."""
    is_draft = opened.shown is None
    found = opened.thread(slug) if slug else None
    problems = opened.problems if is_draft else []
    summary = (
        glance(conversation=opened.conversation, now=clock())
        if opened.conversation.published
        else None
    )
    return {
        **opened.context(now=clock()),
        "is_draft": is_draft,
        "thread_slug": slug,
        "thread_name": found.name if found else "",
        "tabs": thread_tabs(opened.document, problems),
        "cards": cards(
            opened.document,
            found,
            problems=problems,
            warnings=opened.warnings if is_draft else [],
            summary=summary,
        )
        if found
        else [],
        "problem_count": len(problems),
        "summary": summary,
        "setting_up": setting_up(opened.conversation) if summary else None,
        "held_count": held_in(opened.conversation).count() if summary else 0,
        "remark_count": len(remarks(opened.conversation)) if summary else 0,
        "selected": selected,
        "new_thread_form": _new_form(),
        "rename_thread_form": _rename_form(name=found.name if found else ""),
        "may_undo": Revision.objects.filter(conversation=opened.conversation).exists(),
    }


@require_GET
@requires("view")
def counts(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str
) -> HttpResponse:
    """Answer the live numbers of a thread's cards."""
    opened = open_conversation(request, list_id, conversation_id)
    if request.GET.get("view") == "published" and opened.conversation.published:
        opened.shown = opened.conversation.published.document
    return render(request, "conversations/builder.html#counts", canvas(opened, thread))


@require_POST
@requires("edit")
def new_thread(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Add a thread; a refused name stays in its dialog."""
    opened = open_conversation(request, list_id, conversation_id)
    form = _new_form(request.POST)
    if form.is_valid():
        name = " ".join(form.cleaned_data["name"].split())
        with _beside_name(form):
            editing.add_thread(
                conversation=opened.conversation,
                name=name,
                now=clock(),
                revision=revision_of(request),
                by=request.user,
            )
            return _named(opened, name, f"Thread {name} added.")
    return _refused(opened, "", "new_thread_form", form)


@require_POST
@requires("edit")
def rename_thread(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str
) -> HttpResponse:
    """Rename a thread; a refused name stays in its dialog."""
    opened = open_conversation(request, list_id, conversation_id)
    form = _rename_form(request.POST)
    if form.is_valid():
        with _beside_name(form):
            name = editing.rename_thread(
                conversation=opened.conversation,
                thread=opened.thread(thread).name,
                name=form.cleaned_data["name"],
                now=clock(),
                revision=revision_of(request),
                by=request.user,
            )
            return _named(opened, name, "Thread renamed.")
    return _refused(opened, thread, "rename_thread_form", form)


def _new_form(data: Any = None) -> ThreadForm:
    return ThreadForm(data, prefix_of_ids="new-thread")


def _rename_form(data: Any = None, *, name: str = "") -> ThreadForm:
    return ThreadForm(data, prefix_of_ids="rename-thread", name=name)


@contextmanager
def _beside_name(form: ThreadForm) -> Iterator[None]:
    """Put a refusal beside the name."""
    try:
        yield
    except (InvalidValueError, ConversationChangedError) as refused:
        form.add_error("name", getattr(refused, "message", CHANGED))


def _named(opened: Opened, name: str, text: str) -> HttpResponse:
    """Say what was done, and show the thread under its name."""
    request = opened.request
    fresh = open_conversation(request, opened.in_list.pk, opened.conversation.pk)
    fresh.done(text)
    where = fresh.url("thread", slug_of(fresh.document, name))
    return HttpResponseClientRedirect(where) if request.htmx else redirect(where)


def _refused(opened: Opened, slug: str, name: str, form: ThreadForm) -> HttpResponse:
    """Answer with the dialog's form and its error: alone, or in its dialog on the canvas."""
    if opened.request.htmx:
        context = {**opened.context(now=clock()), "thread_slug": slug, name: form}
        return render(opened.request, f"conversations/builder.html#{name}", context, status=422)
    shown = slug or next(iter(thread_slugs(opened.document)), "")
    context = {**canvas(opened, shown), name: form, "shown": name}
    return render(opened.request, "conversations/builder.html", context, status=422)


@require_POST
@requires("edit")
def remove_thread(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str
) -> HttpResponse:
    """Remove a thread with its steps."""
    opened = open_conversation(request, list_id, conversation_id)
    name = opened.thread(thread).name
    try:
        editing.remove_thread(
            conversation=opened.conversation,
            thread=name,
            now=clock(),
            revision=revision_of(request),
            by=request.user,
        )
    except (InvalidValueError, ConversationChangedError) as refused:
        messages.error(request, getattr(refused, "message", CHANGED))
        return opened.to("thread", thread)
    opened.done(f"Thread {name} removed.")
    return opened.to("conversation")


@require_POST
@requires("edit")
def undo(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Take the last edit of the draft back."""
    opened = open_conversation(request, list_id, conversation_id)
    try:
        undone = undo_edit(conversation=opened.conversation, now=clock(), by=request.user)
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "Undone." if undone else "There is nothing to undo.")
    slug = request.GET.get("thread", "")
    fresh = open_conversation(request, list_id, conversation_id)
    if slug in thread_slugs(fresh.document):
        return redirect(fresh.url("thread", slug))
    return fresh.to("conversation")


@require_http_methods(["GET", "POST"])
@requires("view")
def settings(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Show or change name, description, re-entry, goal, exits, time zone and expiry."""
    opened = open_conversation(request, list_id, conversation_id)
    initial = settings_initial(opened.document.heading, request.account.zone)
    form = SettingsForm(request.POST or None, initial=initial)
    if request.method == "POST":
        require_edit(request)
    if request.method == "POST" and form.is_valid():
        try:
            editing.set_settings(
                conversation=opened.conversation,
                settings=form.settings(),
                now=clock(),
                revision=revision_of(request),
                by=request.user,
            )
        except ConversationChangedError:
            form.add_error(None, CHANGED)
        except InvalidValueError as refused:
            show_refusal(form, refused)
        except MalformedConversationError as malformed:
            for fault in malformed.faults:
                form.show_fault(fault)
        else:
            opened.done("Settings changed.")
            return opened.to("conversation")
    return render(
        request,
        "conversations/settings.html",
        {
            **opened.context(now=clock()),
            "page_title": f"Settings of {opened.conversation.name}",
            "breadcrumbs": opened.crumbs(("Settings", "")),
            "form": form,
            "catalog": json.dumps(
                rule_catalog(
                    opened.in_list, threads=[thread.name for thread in opened.document.threads]
                )
            ),
        },
        status=422 if form.is_bound else 200,
    )
