"""Tickets of help desks: whose turn it is to answer a number."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from messaging.actions.replies import answer_by_hand
from messaging.models import Delivery, PhoneSubscription, Ticket

INTEGRATIONS = ("gorgias", "custom")
MOST_LETTERS = 1000
By = User | ApiClient | None


class TicketOpenError(InvalidValueError):
    """A second ticket for a number that has an open one."""


def open_ticket(
    *,
    phone_subscription: PhoneSubscription,
    integration: str,
    external_id: str,
    now: datetime,
    by: By = None,
) -> Ticket:
    """
    Hand the talk with a number to a help desk.

    :raises TicketOpenError: if that help desk has an open ticket of it.
    :raises InvalidValueError: field `externalTicketId`, for an empty or too long one.
    """
    external_id = external_id.strip()
    if not 0 < len(external_id) <= 200:
        raise InvalidValueError("externalTicketId", "A ticket has an id of 1 to 200 characters.")
    if open_tickets(phone_subscription, integration).exists():
        raise TicketOpenError("phoneId", "The number has an open ticket.")
    made = Ticket.objects.create(
        phone_subscription=phone_subscription,
        integration=integration,
        external_id=external_id,
        opened_at=now,
    )
    record(verb="opened", noun="ticket", object_id=made.pk, now=now, by=by)
    return made


def open_tickets(phone_subscription: PhoneSubscription, integration: str) -> "QuerySet[Ticket]":
    """Return the open ticket of a number in a help desk, if any."""
    return Ticket.objects.filter(
        phone_subscription=phone_subscription, integration=integration, closed_at__isnull=True
    )


def close_ticket(*, ticket: Ticket, now: datetime, by: By = None) -> None:
    """Give the talk with a number back."""
    ticket.closed_at = now
    ticket.save(update_fields=["closed_at"])
    record(verb="closed", noun="ticket", object_id=ticket.pk, now=now, by=by)


def answer_ticket(*, ticket: Ticket, text: str, now: datetime, by: By = None) -> Delivery:
    """
    Text what a help desk answers to the number of its ticket.

    :raises InvalidValueError: field `messageBody`, for an empty or too long one, and for a
        number that has opted out.
    """
    if not 0 < len(text.strip()) <= MOST_LETTERS or "\0" in text:
        raise InvalidValueError("messageBody", f"An answer has 1 to {MOST_LETTERS} characters.")
    consent = ticket.phone_subscription
    return answer_by_hand(
        short_code=consent.phone_list.short_code,
        phone_e164=consent.phone_e164,
        text=text,
        now=now,
        by=by,
    )
