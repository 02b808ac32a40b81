"""A step of the draft: its panel, the chooser behind the green plus, remove and move."""

from collections.abc import Mapping, Sequence
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
from messaging import figures, wording
from messaging.models import CommittedMessage, SavedMessage
from messaging.models.message import Channel
from messaging.previews import (
    Preview,
    chosen_contact,
    contact_choices,
    preview_email,
    preview_sms,
)
from messaging.views.saved_messages import mail_page, personalization

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


@require_POST
@requires("view")
def preview(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Answer the phones, or the mail's head and frame, for what the panel holds now."""
    opened = open_conversation(request, list_id, conversation_id)
    place = place_of(opened, thread, key)
    if place.step.kind == "mobile_message":
        return render(request, "conversations/panels/mobile_message.html#phones", _phones(opened))
    if place.step.kind != "message":
        raise Http404
    contact = request.POST.get("contact", "")
    name = request.POST.get("saved_message", "")
    shown, content = _mail(opened, place, name, contact), _content(opened, place, name)
    return render(
        request,
        "conversations/panels/message.html#mail",
        {
            "preview": shown,
            "warnings": _unknown(opened, content, Channel.EMAIL),
            "content": {**content, **shown.parts},
            "frame_url": opened.url("step_mail", thread, key),
            "contact": contact,
            "saved_message": name,
        },
    )


def _phones(opened: Opened) -> dict[str, Any]:
    """Fill the text of the panel in for the chosen contact."""
    given = opened.request.POST
    code, phone_list = given.get("short_code", ""), given.get("phone_list", "")
    saved = opened.names.sms_message(code, phone_list, given.get("sms_message", ""))
    text = given.get("text", "").strip() or (saved.text if saved else "")
    media_url = given.get("media_url", "").strip() or (saved.media_url if saved else "")
    shown = preview_sms(
        text[:1600],
        in_list=opened.in_list,
        contact=chosen_contact(given.get("contact", "")),
        now=clock(),
    )
    words = shown.parts.get("text", "")
    bubble = {
        "way": "in",
        "text": words,
        "media_url": media_url if media_url.startswith("https://") else "",
    }
    return {
        "preview": shown,
        "warnings": _unknown(opened, {"text": text}, Channel.SMS),
        "sender": code or "Your short code",
        "words": words,
        "bubbles": [bubble] if words else [],
    }


def _unknown(opened: Opened, content: Mapping[str, str], channel: str) -> Sequence[wording.Warned]:
    """Return what a message names and there is not."""
    return wording.warnings_of(content, wording.names_of(opened.in_list, channel))


@require_GET
@requires("view")
def mail(
    request: AccountRequest, list_id: int, conversation_id: int, thread: str, key: str
) -> HttpResponse:
    """Answer the HTML of a message step alone, for a frame, under a policy of its own."""
    opened = open_conversation(request, list_id, conversation_id)
    place = place_of(opened, thread, key)
    if place.step.kind != "message":
        raise Http404
    name, contact = request.GET.get("saved_message", ""), request.GET.get("contact", "")
    return mail_page(_mail(opened, place, name, contact))


def _mail(opened: Opened, place: Place, name: str, contact: str) -> Preview:
    """Fill a step's message in for a contact."""
    return preview_email(
        _content(opened, place, name),
        in_list=opened.in_list,
        contact=chosen_contact(contact),
        now=clock(),
    )


def _content(opened: Opened, place: Place, name: str) -> dict[str, str]:
    """
    Return what the step would send: the committed copy, or the message chosen instead.

    What the step itself changes replaces the copy's.
    """
    config = place.step.config
    commit = opened.conversation.commits.get(place.step.key)
    content: dict[str, str] = {}
    if commit and name in {"", config.saved_message}:
        content = dict(CommittedMessage.objects.get(pk=commit).content)
    else:
        saved = SavedMessage.objects.filter(
            list=opened.in_list, name=name or config.saved_message
        ).first()
        if saved is not None:
            parts = ("subject", "preheader", "from_name", "from_email", "html", "text")
            content = {part: getattr(saved, part) for part in parts}
    own = {part: getattr(config, part) for part in ("subject", "preheader", "from_name")}
    return {**content, **{part: text for part, text in own.items() if text}}
