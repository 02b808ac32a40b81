"""What comes back of a delivery: opens, clicks, bounces, replies; and who is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from contacts.actions import facts
from messaging.models import Delivery, DeliveryState, Receipt
from messaging.models.receipt import ReceiptKind

# What a fact says of its delivery; `did` is the receipt's kind, or the delivery's state.
ABOUT = """jsonb_build_object(
    'delivery_id', delivery.id,
    'channel', delivery.channel,
    'conversation_id', delivery.conversation_id,
    'enrollment_id', delivery.enrollment_id,
    'step_key', delivery.step_key,
    'visit_number', delivery.visit_number,
    'did', {did}
)"""
TOLD = f"""
    SELECT
        '{facts.DELIVERY}'::text,
        delivery.list_id,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        delivery.subscription_id,
        coalesce(delivery.sent_at, %(now)s::timestamptz),
        %(now)s::timestamptz,
        delivery.state::text,
        {ABOUT.format(did="delivery.state")},
        0::smallint
    FROM messaging_delivery AS delivery
    WHERE
        delivery.id = ANY(%(ids)s::bigint[])
        AND delivery.state IN ('sent', 'failed', 'skipped')
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY delivery.id
"""
CAME_BACK = f"""
    SELECT
        '{facts.RECEIPT}'::text,
        delivery.list_id,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        delivery.subscription_id,
        receipt.occurred_at,
        receipt.recorded_at,
        receipt.kind::text,
        {ABOUT.format(did="receipt.kind")} || receipt.detail || jsonb_build_object('receipt_id', receipt.id),
        0::smallint
    FROM messaging_receipt AS receipt
    INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
    WHERE receipt.id = %(receipt_id)s
"""
# What never left has nothing that comes back.
NEVER_LEFT = {
    DeliveryState.QUEUED.value,
    DeliveryState.DEFERRED.value,
    DeliveryState.SKIPPED.value,
}


def record_receipts(
    *,
    delivery: Delivery,
    kind: str,
    now: datetime,
    occurred_at: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Receipt:
    """
    Note what came back of a delivery, and tell who listens.

    Each is a fact of kind `receipt`; a bounce is one of kind `bounced`, too, on every list of
    the contact. `detail` is what the kind brings: {url}, {text}, {code}. A test's receipt is kept for the
    page that shows it, tells nobody, and is in no rule.

    :raises InvalidValueError: field `kind` for an unknown one, `delivery` for one that was
        not sent.
    """
    if kind not in ReceiptKind.values:
        raise InvalidValueError("kind", f"A receipt is one of {', '.join(ReceiptKind.values)}.")
    if delivery.state in NEVER_LEFT:
        raise InvalidValueError(
            "delivery", f"Nothing comes back of a delivery that is {delivery.state}."
        )
    receipt = Receipt.objects.create(
        delivery=delivery,
        list_id=delivery.list_id,
        contact_id=delivery.contact_id,
        channel=delivery.channel,
        kind=kind,
        occurred_at=occurred_at or now,
        recorded_at=now,
        detail=dict(detail or {}),
    )
    if not delivery.is_test and delivery.contact_id is not None:
        facts.announce_many(CAME_BACK, receipt_id=receipt.pk)
        if kind == ReceiptKind.BOUNCED:
            # Whatever list it was sent for: nobody reads at that address.
            facts.announce_contact(
                kind=facts.BOUNCED,
                contact_id=delivery.contact_id,
                now=now,
                method=delivery.channel,
                properties={"delivery_id": delivery.pk},
            )
    return receipt


def tell_of_deliveries(*, ids: Sequence[int], now: datetime) -> None:
    """Tell who listens what was sent, failed or was skipped: one statement, if anybody does."""
    if ids and facts.DELIVERY in facts.audience():
        facts.announce_many(TOLD, ids=list(ids), now=now)
