"""The Sandbox inbox: phones and mail side by side, as contacts would see them."""

import html
import re
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from email.utils import parseaddr
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.models import List
from accounts.permissions import AccountRequest, requires
from contacts.models import Contact
from messaging import actions
from messaging.actions.providers import is_sandboxed
from messaging.models import (
    InboundText,
    Meaning,
    Receipt,
    ReceiptKind,
    SandboxMessage,
    ShortCode,
)
from messaging.models.message import Channel
from messaging.previews import named_contact
from messaging.tracking.links import CLICK
from messaging.tracking.reading import is_own_page, target_of, without_pixel
from messaging.tracking.targets import TARGETS
from messaging.views.saved_messages import PLAIN, framed

MOST = 30
MOST_CHOICES = 100
MOST_PHONES = 6
MOST_LINKS = 30
LINK = re.compile(r"""<a\s[^>]*?href\s*=\s*["'](https?://[^"'\s]+)["']""", re.IGNORECASE)
URL = re.compile(r"https?://[^\s<>\"']+")


@dataclass
class Thread:
    """The texts between one number and one short code, oldest first."""

    sender: str
    address: str
    bubbles: list[dict[str, Any]] = field(default_factory=list)


@require_GET
@requires("view")
def inbox(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show what the sandbox was given: all of it, or one contact's."""
    in_list = choose_list(request, list_id)
    found = SandboxMessage.objects.filter(delivery__list=in_list)
    choices = people(found)
    chosen = chosen_person(request.GET.get("contact", ""))
    if chosen is not None:
        found = found.filter(contact=chosen)
    mails = found.filter(channel=Channel.EMAIL).order_by("-pk").defer("html", "raw", "text")
    before = request.GET.get("before", "")
    if before.isdecimal():
        mails = mails.filter(pk__lt=int(before))
    rows = list(mails.select_related("delivery")[: MOST + 1])
    phones = threads(found, in_list, chosen, request.account.zone)
    mine = f"contact={chosen.pk}&" if chosen else ""
    return render(
        request,
        "messaging/sandbox.html",
        {
            "page_title": "Sandbox Inbox",
            "breadcrumbs": [("Authoring", ""), ("Sandbox Inbox", "")],
            "people": choices,
            "chosen": chosen,
            "threads": phones[:MOST_PHONES],
            "more_phones": len(phones) > MOST_PHONES,
            "mails": rows[:MOST],
            "next_url": f"?{mine}before={rows[MOST - 1].pk}" if len(rows) > MOST else "",
            "first_url": f"?{mine}" if before else "",
            "is_email_real": not is_sandboxed(Channel.EMAIL),
        },
    )


def people(found: QuerySet[SandboxMessage, Any]) -> list[tuple[int, str]]:
    """Return who got something lately, for the drop-down."""
    latest = found.filter(contact__isnull=False).order_by("-pk").values_list("contact_id")[:2000]
    ids = list(dict.fromkeys(pk for (pk,) in latest))[:MOST_CHOICES]
    named = Contact.objects.in_bulk(ids)
    return [(pk, named_contact(named[pk])) for pk in ids if pk in named]


def chosen_person(value: str) -> Contact | None:
    """Return the contact that the address names."""
    return get_object_or_404(Contact, pk=int(value)) if value.isdecimal() else None


def threads(
    found: QuerySet[SandboxMessage, Any], in_list: List, chosen: Contact | None, zone: tzinfo
) -> list[Thread]:
    """Return the latest texts by number and sender, both ways, the latest thread first."""
    written = InboundText.objects.filter(short_code__email_list=in_list, provider="sandbox")
    if chosen is not None:
        written = written.filter(contact=chosen)
    # Where a text's links lead is asked of its delivery.
    texts = found.filter(channel=Channel.SMS).select_related("delivery").defer("raw")
    latest: list[tuple[datetime, str, str, dict[str, Any]]] = [
        (text.sent_at, text.sender, text.address, bubble(text, zone))
        for text in texts.order_by("-pk")[:MOST]
    ]
    latest += [
        (text.received_at, text.short_code.code, text.phone_e164, own_bubble(text, zone))
        for text in written.select_related("short_code").order_by("-pk")[:MOST]
    ]
    # Of one moment the phone's own text came first, then the answer.
    latest.sort(key=lambda one: (one[0], one[3]["way"] == "in"), reverse=True)
    by_phone: dict[tuple[str, str], Thread] = {}
    for _, sender, address, shown in latest:
        thread = by_phone.setdefault((sender, address), Thread(sender, address))
        thread.bubbles.insert(0, shown)
    return list(by_phone.values())


def own_bubble(text: InboundText, zone: tzinfo) -> dict[str, Any]:
    """Return one text that the phone wrote itself."""
    return {"way": "out", "text": text.text, "when": shown_time(text.received_at, zone)}


def bubble(text: SandboxMessage, zone: tzinfo) -> dict[str, Any]:
    """Return one text as the phone shows it."""
    return {
        "way": "in",
        "pk": text.pk,
        "links": links_of(text),
        "text": text.text,
        "media_url": text.media_url,
        "when": shown_time(text.sent_at, zone),
    }


def shown_time(at: datetime, zone: tzinfo) -> str:
    """Return a time as a phone writes it."""
    return date_format(at.astimezone(zone), "D, M j, g:i A")


@require_POST
@requires("edit")
def reply(request: AccountRequest, list_id: int) -> HttpResponse:
    """Write a text from the phone: taken and answered as one that a provider brings."""
    in_list = choose_list(request, list_id)
    code = get_object_or_404(ShortCode, code=request.POST.get("sender", ""), email_list=in_list)
    try:
        taken = actions.take_inbound(
            short_code=code,
            phone_e164=request.POST.get("address", ""),
            text=request.POST.get("text", ""),
            provider="sandbox",
            provider_message_id="",
            now=timezone.now(),
        )
    except InvalidValueError as refused:
        messages.error(request, refused.message)
    else:
        said = SAID[Meaning(taken.meaning)].format(number=taken.phone_e164, code=code.code)
        messages.success(request, said)
        if taken.silence:
            messages.warning(request, f"No answer goes back: {taken.silence}.")
    where = reverse("messaging:sandbox", args=[request.account.slug, list_id])
    contact = request.POST.get("contact", "")
    return redirect(f"{where}?contact={contact}" if contact.isdecimal() else where)


# What was made of a text, for who plays the phone.
SAID = {
    Meaning.STOP: "{number} has opted out of {code}: no more texts go there.",
    Meaning.START: "{number} is back on {code}, as far as it had agreed.",
    Meaning.HELP: "{number} asked for help.",
    Meaning.CONFIRMED: "{number} has confirmed.",
    Meaning.OF_AGE: "{number} has confirmed the age.",
    Meaning.UNDER_AGE: "{number} is too young for the list.",
    Meaning.UNKNOWN: "Reply taken: conversations that wait for it hear of it.",
}


def note(shown: SandboxMessage, kind: ReceiptKind, detail: dict[str, Any] | None = None) -> None:
    """Note what came back of a message."""
    actions.record_receipts(
        delivery=shown.delivery, kind=kind.value, now=timezone.now(), detail=detail
    )


def links_of(shown: SandboxMessage) -> list[str]:
    """Return the addresses that a message links to, each once, in order."""
    of_html = [html.unescape(url) for url in LINK.findall(shown.html)]
    found = [url for url in of_html or URL.findall(shown.text) if not is_own_page(url)]
    delivery = shown.delivery
    is_tracked = any(CLICK in url for url in found)
    known = TARGETS.links(delivery.account_id, delivery.message_id or 0) if is_tracked else ()
    return [*dict.fromkeys(target_of(url, known) for url in found)][:MOST_LINKS]


@require_POST
@requires("edit")
def opened(request: AccountRequest, list_id: int, sandbox_id: int) -> HttpResponse:
    """Note that the mail was opened: its page asks for it when it is shown."""
    shown = find(request, list_id, sandbox_id)
    note(shown, ReceiptKind.OPENED)
    return render(request, "messaging/sandbox_receipts.html", receipts_of(shown))


@require_POST
@requires("edit")
def clicked(request: AccountRequest, list_id: int, sandbox_id: int) -> HttpResponse:
    """Note that a link of a message was clicked: one that stands in it."""
    in_list = choose_list(request, list_id)
    rows = SandboxMessage.objects.select_related("delivery").filter(delivery__list=in_list)
    shown = get_object_or_404(rows, pk=sandbox_id)
    url = request.POST.get("url", "")
    if url in links_of(shown):
        note(shown, ReceiptKind.CLICKED, {"url": url})
        messages.success(request, f"Clicked: {url}")
    else:
        messages.error(request, "There is no such link in this message.")
    if shown.channel == Channel.SMS:
        where = reverse("messaging:sandbox", args=[request.account.slug, list_id])
        contact = request.POST.get("contact", "")
        return redirect(f"{where}?contact={contact}" if contact.isdecimal() else where)
    return redirect("messaging:sandbox_mail", request.account.slug, list_id, sandbox_id)


def receipts_of(shown: SandboxMessage) -> dict[str, Any]:
    """Return what a page shows of what came back of a message, the latest first."""
    rows = Receipt.objects.filter(delivery=shown.delivery_id).order_by("-pk")[:MOST]
    return {"receipts": list(rows)}


def find(request: AccountRequest, list_id: int, sandbox_id: int) -> SandboxMessage:
    """Return a mail of the list, or 404."""
    in_list = choose_list(request, list_id)
    found: SandboxMessage = get_object_or_404(
        SandboxMessage.objects.select_related("delivery", "contact"),
        pk=sandbox_id,
        channel=Channel.EMAIL,
        delivery__list=in_list,
    )
    return found


@require_GET
@requires("view")
def mail(request: AccountRequest, list_id: int, sandbox_id: int) -> HttpResponse:
    """Show one mail at 600 and at 360 pixels."""
    shown = find(request, list_id, sandbox_id)
    url = reverse("messaging:sandbox", args=[request.account.slug, list_id])
    name, address = parseaddr(shown.sender)
    return render(
        request,
        "messaging/sandbox_mail.html",
        {
            "page_title": shown.subject or "No subject",
            "breadcrumbs": [("Authoring", ""), ("Sandbox Inbox", url), (shown.subject, "")],
            "mail": shown,
            "links": links_of(shown),
            **receipts_of(shown),
            "from_name": name,
            "from_email": address,
        },
    )


@require_GET
@requires("view")
def mail_html(request: AccountRequest, list_id: int, sandbox_id: int) -> HttpResponse:
    """Answer a mail's HTML alone, for a frame."""
    shown = find(request, list_id, sandbox_id)
    return framed(without_pixel(shown.html) or PLAIN.format(text=escape(shown.text)))


@require_GET
@requires("view")
def mail_raw(request: AccountRequest, list_id: int, sandbox_id: int) -> HttpResponse:
    """Answer a mail as it would have gone over the wire."""
    shown = find(request, list_id, sandbox_id)
    response = HttpResponse(shown.mime, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="mail-{shown.pk}.eml"'
    return response
