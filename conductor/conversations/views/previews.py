"""What a message step would send: the phones, or the mail, of what its panel holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import AccountRequest, requires
from conductor.conversations.forms.step import Place
from conductor.conversations.views.finding import Opened, clock, open_conversation
from conductor.conversations.views.steps import place_of
from messaging import wording
from messaging.models import CommittedMessage, SavedMessage
from messaging.models.message import Channel
from messaging.previews import Preview, chosen_contact, preview_email, preview_sms
from messaging.views.saved_messages import mail_page


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
