"""Texts both ways: who wrote lately, one number's thread, the answer, the ledger, the replies."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.context import choose_list
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, may, requires
from accounts.tenancy import in_account
from messaging import actions
from messaging.actions.ledger import evidence_csv
from messaging.actions.reply_texts import DEFAULTS, LABELS, reply_text
from messaging.models import (
    ConsentChange,
    Delivery,
    InboundText,
    PhoneSubscription,
    SandboxMessage,
    ShortCode,
)
from messaging.previews import with_links_of
from messaging.rule_forms import AnswerForm, RepliesForm, replies_initial
from messaging.segments import count_segments
from messaging.views.sandbox import shown_time
from messaging.views.short_codes import crumbs

SHOWN = 50
MOST_THREADS = 100


def find(request: AccountRequest, list_id: int, short_code_id: int) -> ShortCode:
    """Return a short code of the list, or 404."""
    in_list = choose_list(request, list_id)
    found: ShortCode = get_object_or_404(ShortCode, pk=short_code_id, email_list=in_list)
    return found


@require_GET
@requires("view")
def inbox(request: AccountRequest, list_id: int) -> HttpResponse:
    """Show who wrote lately to the list's short codes, each number once."""
    in_list = choose_list(request, list_id)
    latest = InboundText.objects.filter(short_code__email_list=in_list).order_by("-pk")
    threads: dict[tuple[int, str], InboundText] = {}
    for text in latest.select_related("short_code", "contact")[:1000]:
        threads.setdefault((text.short_code_id, text.phone_e164), text)
    return render(
        request,
        "messaging/sms_inbox.html",
        {
            "page_title": "Texts Received",
            "breadcrumbs": [*crumbs(request, list_id), ("Texts Received", "")],
            "rows": [(text, text.phone_e164[1:]) for text in list(threads.values())[:MOST_THREADS]],
        },
    )


@require_GET
@requires("view")
def stream(request: AccountRequest, list_id: int, short_code_id: int, phone: int) -> HttpResponse:
    """Show the texts between a number and a short code, both ways, and where its consents stand."""
    code = find(request, list_id, short_code_id)
    return stream_page(request, list_id, code, f"+{phone}", AnswerForm())


def stream_page(
    request: AccountRequest, list_id: int, code: ShortCode, number: str, form: AnswerForm
) -> HttpResponse:
    """Show a thread with the answer that was written, if any."""
    consents = PhoneSubscription.objects.filter(phone_list__short_code=code, phone_e164=number)
    received = list(
        InboundText.objects.filter(short_code=code, phone_e164=number)
        .select_related("contact")
        .order_by("-pk")[:SHOWN]
    )
    rows = list(consents.select_related("phone_list", "contact").order_by("pk"))
    if not received and not rows:
        raise Http404
    known = [*(one.contact for one in received), *(one.contact for one in rows)]
    people = [one for one in known if one is not None]
    return render(
        request,
        "messaging/sms_stream.html",
        {
            "page_title": number,
            "breadcrumbs": [
                *crumbs(request, list_id),
                (
                    "Texts Received",
                    reverse("messaging:sms_inbox", args=[request.account.slug, list_id]),
                ),
                (number, ""),
            ],
            "code": code,
            "number": number,
            "phone": number[1:],
            "contact": people[0] if people else None,
            "bubbles": bubbles(code, number, received, people, request.account.zone),
            "consents": rows,
            "changes": ConsentChange.objects.filter(phone_e164=number, phone_list__short_code=code)
            .select_related("phone_list")
            .order_by("-pk")[:SHOWN],
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


def bubbles(
    code: ShortCode, number: str, received: list[InboundText], people: list[Any], zone: tzinfo
) -> list[dict[str, Any]]:
    """Return a thread as we see it: ours are out, the phone's are in; oldest first."""
    replies = [text.reply_id for text in received if text.reply_id]
    sent = {
        one.pk: one for one in Delivery.objects.filter(pk__in=replies).select_related("message")
    }
    if people:
        own = Delivery.objects.filter(
            contact=people[0], channel="sms", address=number, phone_list__short_code=code
        ).exclude(state="skipped")
        sent |= {one.pk: one for one in own.select_related("message").order_by("-pk")[:SHOWN]}
    exact = dict(
        SandboxMessage.objects.filter(delivery__in=list(sent)).values_list("delivery_id", "text")
    )
    # Of one moment the phone's own texts came first, each kind in its order.
    found = [(text.received_at, 0, text.pk, received_bubble(text, zone)) for text in received]
    found += [
        (one.sent_at or one.queued_at, 1, one.pk, sent_bubble(one, exact.get(one.pk, ""), zone))
        for one in sent.values()
    ]
    return [shown for *_, shown in sorted(found, key=lambda one: one[:3])][-SHOWN:]


def received_bubble(text: InboundText, zone: tzinfo) -> dict[str, Any]:
    """Return what a phone wrote."""
    note = f"{text.get_meaning_display()}" + (
        f"; no answer: {text.silence}" if text.silence else ""
    )
    return {
        "way": "in",
        "text": text.text,
        "media": text.media,
        "when": shown_time(text.received_at, zone),
        "note": note,
    }


def sent_bubble(delivery: Delivery, exact: str, zone: tzinfo) -> dict[str, Any]:
    """Return what we sent: as it went where that is known, else as its template."""
    content = delivery.message.content if delivery.message else {}
    picture = content.get("media_url", "")
    return {
        "way": "out",
        "text": exact or content.get("text", ""),
        "media": [picture] if picture else [],
        "when": shown_time(delivery.sent_at or delivery.queued_at, zone),
        "note": delivery.get_state_display(),
    }


@require_POST
@requires("edit")
def answer(request: AccountRequest, list_id: int, short_code_id: int, phone: int) -> HttpResponse:
    """Write to somebody who wrote."""
    code = find(request, list_id, short_code_id)
    form = AnswerForm(request.POST)
    if form.is_valid():
        try:
            actions.answer_by_hand(
                short_code=code,
                phone_e164=f"+{phone}",
                text=form.cleaned_data["text"],
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "Your answer is on its way.")
            return redirect("messaging:sms_stream", request.account.slug, list_id, code.pk, phone)
    return stream_page(request, list_id, code, f"+{phone}", form)


@require_GET
@requires("view")
def evidence(
    request: AccountRequest, list_id: int, short_code_id: int, phone: int
) -> HttpResponseBase:
    """Download the ledger of a number's consents as CSV."""
    find(request, list_id, short_code_id)
    account_id = request.account.pk

    def lines() -> Iterator[str]:
        # Excel takes UTF-8 for what it is only after this mark.
        yield "\ufeff"
        with in_account(account_id):
            yield from evidence_csv(phone_e164=f"+{phone}")

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="consents-{phone}.csv"'
    return response


@require_http_methods(["GET", "POST"])
@requires("view")
def replies(request: AccountRequest, list_id: int, short_code_id: int) -> HttpResponse:
    """Show what a short code answers by itself; who may edit changes it here."""
    if request.method == "POST" and not may(request.membership.role, "edit"):
        raise PermissionDenied
    code = find(request, list_id, short_code_id)
    form = RepliesForm(request.POST or None, initial=replies_initial(code))
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_replies(
                short_code=code,
                replies=form.texts(),
                stop_words=form.cleaned_data["stop_words"],
                start_words=form.cleaned_data["start_words"],
                help_words=form.cleaned_data["help_words"],
                care_contact=form.cleaned_data["care_contact"],
                now=timezone.now(),
                by=request.user,
            )
        except InvalidValueError as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, f"What {code.code} answers is saved.")
            return redirect("messaging:sms_replies", request.account.slug, list_id, code.pk)
    shown = [(form[kind], reply_text(code, kind)) for kind in LABELS]
    return render(
        request,
        "messaging/sms_replies.html",
        {
            "page_title": f"Replies of {code.code}",
            "breadcrumbs": [*crumbs(request, list_id), (code.code, ""), ("Replies", "")],
            "form": form,
            "code": code,
            "shown": [(field, text, count_segments(as_sent(code, text))) for field, text in shown],
            "defaults": DEFAULTS,
        },
        status=422 if form.is_bound else 200,
    )


def as_sent(code: ShortCode, text: str) -> str:
    """Return a reply with links as long as they will be sent."""
    return with_links_of(code.email_list, text, {"text": text})
