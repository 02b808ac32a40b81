"""A step of the draft: its panel, the chooser behind the green plus, remove and move."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.permissions import AccountRequest, requires
from conductor.conversations import editing
from conductor.conversations.actions import ConversationChangedError
from conductor.conversations.document import StepNode
from conductor.conversations.drawing import slug_of
from conductor.conversations.forms import StepForm, form_of
from conductor.conversations.forms.step import Place
from conductor.conversations.reading import MalformedConversationError
from conductor.conversations.views.builder import canvas
from conductor.conversations.views.finding import (
    CHANGED,
    Opened,
    clock,
    open_conversation,
    require_edit,
    revision_of,
)
from conductor.steps import step_types
from messaging import figures
from messaging.models import CommittedMessage
from messaging.models.message import Channel
from messaging.previews import contact_choices
from messaging.views.saved_messages import personalization

# The chooser's groups: title, and the kinds in it with one sentence each.
CHOOSER = [
    (
        "Messages",
        [
            ("message", "Send an email from your saved messages."),
            ("mobile_message", "Send a text message to a phone list."),
            ("promotion", "Show something on your site."),
        ],
    ),
    (
        "Waits",
        [
            ("wait", "Hold each contact for a time or until a date."),
            ("wait_for", "Hold each contact until something happens, with a time-out."),
        ],
    ),
    (
        "Decisions",
        [
            ("filter", "Let through only the contacts that match."),
            ("if", "Send contacts different ways, by what they match."),
            ("split", "Send contacts different ways by chance, to compare them."),
            ("go_to", "Send contacts on to another step or thread."),
        ],
    ),
    (
        "Actions",
        [("action", "Change the contact: its profile, lists, segments; give a coupon.")],
    ),
    (
        "Connections",
        [
            ("webhook", "Call another system, and keep what it answers."),
            ("code", "Decide and compute with a few lines of code."),
        ],
    ),
    ("End", [("terminate", "End the conversation here.")]),
]
# Panels with a rule, drawn by the rule editor.
WITH_RULES = {"trigger", "filter", "go_to", "if", "wait_for"}


@require_http_methods(["GET", "POST"])
@requires("view")
def step(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Show a step's panel beside its thread; *Update* writes it into the draft."""
    opened = open_conversation(request, list_id, conversation_id)
    place = place_of(opened, thread, key)
    if request.method == "GET":
        return panel(opened, thread, place, form_of(place))
    require_edit(request)
    form = form_of(place, request.POST)
    changed = _changed(request, opened, place, form) if form.is_valid() else None
    if changed is None:
        return panel(opened, thread, place, form, status=422)
    if form.new_threads():
        return _begun(opened, changed, form)
    committed = request.POST.get("commit") == "latest"
    opened.done("Message committed to the conversation." if committed else "Step updated.")
    return opened.to("step", thread, key) if committed else _card(opened, thread, key)


def _begun(opened: Opened, changed: StepNode, form: StepForm) -> HttpResponse:
    """Show the thread that a way out leads to from now on, the first if there are several."""
    first = changed.exits[next(iter(form.new_threads()))]
    fresh = open_conversation(opened.request, opened.in_list.pk, opened.conversation.pk)
    _, thread, _ = next(place for place in fresh.document.places() if place[2].key == first)
    fresh.done(f"Step updated. Draw here what “{thread.name}” gets.")
    return fresh.to("thread", slug_of(fresh.document, thread.name))


def _card(opened: Opened, slug: str, key: str) -> HttpResponse:
    """Go back to the thread with a step's card in sight and in focus."""
    return redirect(f"{opened.url('thread', slug)}#step-{key}")


def place_of(opened: Opened, slug: str, key: str) -> Place:
    """Return a step of a thread with what its form needs, or 404."""
    if key not in {found.key for found in opened.thread(slug).steps}:
        raise Http404
    return Place(opened.in_list, opened.document, opened.step(key), opened.names)


def _changed(
    request: AccountRequest, opened: Opened, place: Place, form: StepForm
) -> StepNode | None:
    """Write the form into the draft and return the step; None, and what keeps it from that."""
    try:
        return editing.change_step(
            conversation=opened.conversation,
            key=place.step.key,
            name=form.cleaned_data["name"],
            settings=form.settings(),
            exits=form.exits(),
            threads=form.new_threads(),
            now=clock(),
            revision=revision_of(request),
            by=request.user,
        )
    except ConversationChangedError:
        form.add_error(None, CHANGED)
    except InvalidValueError as refused:
        form.add_error(None, refused.message)
    except MalformedConversationError as malformed:
        for fault in malformed.faults:
            form.show_fault(fault)
    return None


def panel(
    opened: Opened, slug: str, place: Place, form: StepForm, *, status: int = 200
) -> HttpResponse:
    """Answer the builder with a step's panel open."""
    kind = place.step.kind
    tab = opened.request.GET.get("tab", "")
    words = [word for word, _ in form.tabs]
    context = {
        **canvas(opened, slug, selected=place.step.key),
        "step": place.step,
        "form": form,
        "tabs_of_step": form.tabs,
        "tab": tab if tab in words else next(iter(words), ""),
        "panel_template": form.template or f"conversations/panels/{kind}.html",
        "catalog": place.catalog() if kind in WITH_RULES else "",
        "may_remove": _may_remove(opened, slug, place.step.key),
        "step_problems": [
            problem.text for problem in opened.problems if problem.step == place.step.key
        ],
        "step_warnings": [
            warning.text for warning in opened.warnings if warning.step == place.step.key
        ],
    }
    if kind in {"message", "mobile_message"}:
        context.update(_message_context(opened, place))
    return render(opened.request, "conversations/builder.html", context, status=status)


def _may_remove(opened: Opened, slug: str, key: str) -> bool:
    steps = opened.thread(slug).steps
    first_or_last = key in {steps[0].key, steps[-1].key}
    return not first_or_last or opened.step(key).kind not in {"trigger", "terminate"}


def _message_context(opened: Opened, place: Place) -> dict[str, Any]:
    """Return what the panels of messages show beside their forms."""
    commit = opened.conversation.commits.get(place.step.key)
    return {
        "contacts": contact_choices(opened.in_list),
        "personal_fields": personalization(opened.in_list),
        "committed": CommittedMessage.objects.filter(pk=commit).first() if commit else None,
        **_figures(opened, place),
    }


def _figures(opened: Opened, place: Place) -> dict[str, Any]:
    """Return what came of a step's messages, once the conversation was published."""
    if opened.conversation.published is None:
        return {}
    found = figures.of_step(opened.conversation.pk, place.step.key)
    channel = Channel.EMAIL if place.step.kind == "message" else Channel.SMS
    return {"has_figures": True, "figures": figures.bars(found, channel), "revenue": found}


@require_GET
@requires("edit")
def chooser(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Answer the chooser that the plus after a step opens."""
    opened = open_conversation(request, list_id, conversation_id)
    opened.thread(thread)
    types = step_types()
    groups = [
        (title, [(types[kind], text) for kind, text in kinds if kind in types])
        for title, kinds in CHOOSER
    ]
    return render(
        request,
        "conversations/chooser.html",
        {
            "groups": groups,
            "url": opened.url("add_step", thread, key),
            "revision": opened.conversation.revision,
            "key": key,
        },
    )


@require_POST
@requires("edit")
def add(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Add a step behind another one and open its panel."""
    opened = open_conversation(request, list_id, conversation_id)
    try:
        added = editing.add_step(
            conversation=opened.conversation,
            after=key,
            kind=request.POST.get("kind", ""),
            now=clock(),
            revision=revision_of(request),
            by=request.user,
        )
    except (InvalidValueError, ConversationChangedError) as refused:
        messages.error(request, getattr(refused, "message", CHANGED))
        return opened.to("thread", thread)
    return opened.to("step", thread, added.key)


@require_POST
@requires("edit")
def remove(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Remove a step; the toast brings it back."""
    opened = open_conversation(request, list_id, conversation_id)
    place = place_of(opened, thread, key)
    keys = [found.key for found in opened.thread(thread).steps]
    before = keys[max(keys.index(key) - 1, 0)]
    try:
        editing.remove_step(
            conversation=opened.conversation,
            key=key,
            now=clock(),
            revision=revision_of(request),
            by=request.user,
        )
    except (InvalidValueError, ConversationChangedError) as refused:
        messages.error(request, getattr(refused, "message", CHANGED))
    else:
        text = f"{place.step.type.label} removed."
        messages.success(request, text, extra_tags=f"{opened.undo_tag()}?thread={thread}")
        return _card(opened, thread, before)
    return _card(opened, thread, key)


@require_POST
@requires("edit")
def move(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Move a step up or down in its thread."""
    opened = open_conversation(request, list_id, conversation_id)
    steps = [found.key for found in opened.thread(thread).steps]
    place_of(opened, thread, key)
    place = steps.index(key)
    target = place - 2 if request.POST.get("way") == "up" else place + 1
    if not 0 <= target < len(steps) - 1:
        messages.error(request, "The step stands at the end of its thread already.")
        return opened.to("step", thread, key)
    try:
        editing.move_step(
            conversation=opened.conversation,
            key=key,
            after=steps[target],
            now=clock(),
            revision=revision_of(request),
            by=request.user,
        )
    except (InvalidValueError, ConversationChangedError) as refused:
        messages.error(request, getattr(refused, "message", CHANGED))
    else:
        opened.done("Step moved.")
    return redirect(opened.url("step", thread, key))
