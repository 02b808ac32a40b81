"""Delivery: what was to be said to whom, and what became of it (beyond the wire)."""

from datetime import datetime

from ninja import Query

from accounts.api import found_list
from accounts.wire import Frame, Id, Page, PageQuery, WireOut, WireRequest, page_of
from contacts.api.reading import one_of
from messaging.models import Delivery, DeliveryState
from messaging.models.message import Channel

deliveries = Frame("/conductor/v1", integration="email", tag="Delivery")


class DeliveryQuery(PageQuery):
    """Which deliveries to show."""

    channel: str = ""
    state: str = ""
    conversation_id: int | None = None


class MessageDeliveryOut(WireOut):
    """A delivery; what it has not is null."""

    delivery_id: int
    channel: str
    email_address: str | None
    phone_number: str | None
    state: str
    reason: str | None
    conversation_id: int | None
    thread: str | None
    step_key: str | None
    queued_date: datetime
    sent_date: datetime | None


def delivery_out(delivery: Delivery) -> MessageDeliveryOut:
    """Write a delivery."""
    by_mail = delivery.channel == Channel.EMAIL
    return MessageDeliveryOut(
        delivery_id=delivery.pk,
        channel=delivery.channel,
        email_address=(delivery.address or None) if by_mail else None,
        phone_number=None if by_mail else delivery.address or None,
        state=delivery.state,
        reason=delivery.reason or None,
        conversation_id=delivery.conversation_id,
        thread=delivery.thread or None,
        step_key=delivery.step_key or None,
        queued_date=delivery.queued_at,
        sent_date=delivery.sent_at,
    )


@deliveries.get("/List/{list_id}/Delivery", answer=Page[MessageDeliveryOut], levels=["List"])
def all_deliveries(
    request: WireRequest, list_id: Id, wanted: Query[DeliveryQuery]
) -> Page[MessageDeliveryOut]:
    """
    Return the deliveries of a list, refused ones with their reason; tests are left out.

    `state` is queued, deferred, sending, sent, failed, unknown or skipped; `channel` email or sms. One
    stands there from the moment that a step or a broadcast decided on it. `reason` says why it was
    skipped, deferred or failed.
    """
    rows = Delivery.objects.filter(list=found_list(list_id), is_test=False)
    if wanted.channel:
        rows = rows.filter(channel=one_of("channel", wanted.channel, Channel.values))
    if wanted.state:
        rows = rows.filter(state=one_of("state", wanted.state, DeliveryState.values))
    if wanted.conversation_id is not None:
        rows = rows.filter(conversation_id=wanted.conversation_id)
    page = page_of(rows, wanted, request)
    return page.answer(MessageDeliveryOut, (delivery_out(row) for row in page))
