"""
Two-way SMS: a help desk answers what numbers text.

The wire's phoneId is the id of a number's consent to a phone list: it says by which short
code the talk is held. A desk opens a ticket, reads the talk, answers, closes the ticket.
"""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query

from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Refused,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
)
from accounts.wire.errors import not_located
from contacts.api.reading import one_of, read_time
from messaging.actions import tickets as actions
from messaging.models import Delivery, InboundText, PhoneSubscription, Ticket
from messaging.models.message import Channel

two_way = Frame("/twowaysms", integration="twowaysms", tag="Two-Way SMS")

TICKETS = "/tickets"
USUAL, MOST = 50, 500
NAMES = {"text": "messageBody", "phone": "phoneId"}


class TicketIn(WireIn):
    """A ticket to open: `integrationType` is gorgias or custom."""

    integration_type: str
    phone_id: int
    external_ticket_id: str


class TicketEndIn(WireIn):
    """A ticket to close."""

    integration_type: str
    phone_id: int


class AnswerIn(WireIn):
    """What a desk answers."""

    integration_type: str
    phone_id: int
    external_ticket_id: str = ""
    message_body: str


class StreamQuery(WireIn):
    """How much of a talk to show, from when on."""

    batch_size: int = USUAL
    earliest_date_time: str = ""


class StreamOut(WireOut):
    """One text of a talk; what we sent says how it fared."""

    message_id: str
    direction: str
    message_body: str
    media: list[str]
    date: datetime
    state: str


def numbers() -> "QuerySet[PhoneSubscription]":
    """Return the numbers of the account."""
    return PhoneSubscription.objects.select_related("phone_list__short_code", "contact")


def named_number(phone_id: int) -> PhoneSubscription:
    """
    Return the number that a body names.

    :raises NotFoundError: if the account has none.
    """
    row = numbers().filter(pk=phone_id).first() if 0 <= phone_id < 2**63 else None
    if row is None:
        raise NotFoundError(not_located(["phone_id"]))
    return row


def open_ticket_of(body: TicketEndIn | AnswerIn) -> Ticket:
    """
    Return the open ticket of a number in a help desk.

    :raises NotFoundError: if there is none.
    """
    integration = one_of("integrationType", body.integration_type, actions.INTEGRATIONS)
    number = named_number(body.phone_id)
    ticket = actions.open_tickets(number, integration).first()
    if ticket is None:
        raise NotFoundError(not_located(["phone_id"]))
    ticket.phone_subscription = number
    return ticket


@two_way.post(TICKETS)
def open_ticket(request: WireRequest, body: TicketIn) -> Created:
    """
    Hand the talk with a number to a help desk; a second open ticket of it is 409.

    `phoneId` is the id of the number's consent to a phone list. While it is open the desk answers by
    `/send`.
    """
    integration = one_of("integrationType", body.integration_type, actions.INTEGRATIONS)
    try:
        made = actions.open_ticket(
            phone_subscription=named_number(body.phone_id),
            integration=integration,
            external_id=body.external_ticket_id,
            now=request.now,
            by=request.client,
        )
    except actions.TicketOpenError as is_open:
        raise Refused(code="ERROR_CONFLICT", message=is_open.message, status=409) from is_open
    return created(made.pk)


@two_way.delete(TICKETS, answer={204: None})
def close_ticket(request: WireRequest, body: TicketEndIn) -> Any:
    """Give the talk with a number back; the answer has no body."""
    ticket = open_ticket_of(body)
    actions.close_ticket(ticket=ticket, now=request.now, by=request.client)
    return HttpResponse(status=204)


@two_way.post("/send", answer={202: Created}, names=NAMES)
def send_answer(request: WireRequest, body: AnswerIn) -> Created:
    """
    Answer a number that has an open ticket: taken (202), then sent ahead of what is in bulk.

    At most 1,000 characters. Without an open ticket 404; a number that opted out is refused.
    """
    ticket = open_ticket_of(body)
    if body.external_ticket_id.strip() not in {"", ticket.external_id}:
        raise InvalidParameterError("externalTicketId")
    sent = actions.answer_ticket(
        ticket=ticket, text=body.message_body, now=request.now, by=request.client
    )
    return Created(status=202, resource_id=str(sent.pk))


@two_way.get("/messagestream/{phone_id}", answer=Collection[StreamOut])
def message_stream(
    request: WireRequest, phone_id: Id, wanted: Query[StreamQuery]
) -> Collection[StreamOut]:
    """
    Return the latest `batchSize` (50, at most 500) texts of a talk, the oldest first.

    `earliestDateTime` leaves out what is older. Ours are shown as they were written, names not
    filled in, with how they fared in `state`.
    """
    number = found(numbers(), pk=phone_id)
    since = read_time("earliestDateTime", wanted.earliest_date_time, request.zone)
    most = min(max(wanted.batch_size, 1), MOST)
    texts = [*came(number, since, most), *went(number, since, most)]
    texts.sort(key=lambda text: text.date)
    return Collection[StreamOut](data=texts[-most:])


def came(number: PhoneSubscription, since: datetime | None, most: int) -> list[StreamOut]:
    """Return what a number sent to its short code."""
    rows = InboundText.objects.filter(
        short_code=number.phone_list.short_code, phone_e164=number.phone_e164
    )
    rows = rows.filter(received_at__gte=since) if since else rows
    return [
        StreamOut(
            message_id=f"in-{row.pk}",
            direction="Inbound",
            message_body=row.text,
            media=row.media,
            date=row.received_at,
            state="received",
        )
        for row in rows.order_by("-received_at")[:most]
    ]


def went(number: PhoneSubscription, since: datetime | None, most: int) -> list[StreamOut]:
    """Return what was sent to a number by its short code, as it was written, names not filled in."""
    rows = Delivery.objects.filter(
        contact=number.contact_id,
        channel=Channel.SMS,
        address=number.phone_e164,
        phone_list__short_code=number.phone_list.short_code,
    )
    rows = rows.filter(queued_at__gte=since) if since else rows
    return [
        StreamOut(
            message_id=f"out-{row.pk}",
            direction="Outbound",
            message_body=row.message.content.get("text", "") if row.message else "",
            media=[url for url in [row.message and row.message.content.get("media_url")] if url],
            date=row.sent_at or row.queued_at,
            state=row.state,
        )
        for row in rows.select_related("message").order_by("-queued_at", "-pk")[:most]
    ]
