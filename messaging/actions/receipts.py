"""What comes back of a delivery: opens, clicks, bounces, replies; and who is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.tenancy import sql
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
    WHERE
        receipt.id = ANY(%(receipts)s::bigint[])
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY receipt.id
"""
# Whatever list it was sent for: nobody reads at that address.
BOUNCED = f"""
    SELECT
        '{facts.BOUNCED}'::text,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        delivery.contact_id,
        NULL::bigint,
        receipt.recorded_at,
        receipt.recorded_at,
        delivery.channel::text,
        jsonb_build_object('delivery_id', delivery.id),
        0::smallint
    FROM messaging_receipt AS receipt
    INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
    WHERE
        receipt.id = ANY(%(receipts)s::bigint[])
        AND receipt.kind = 'bounced'
        AND NOT delivery.is_test
        AND delivery.contact_id IS NOT NULL
    ORDER BY receipt.id
"""
# One delivery keeps no more receipts of one kind.
MOST_OF_A_KIND = 200
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
    (written,) = write_receipts(
        [CameBack(delivery.pk, kind, occurred_at or now, dict(detail or {}))], now=now
    )
    return Receipt.objects.get(pk=written.id)


@dataclass(frozen=True)
class CameBack:
    """One thing that came back of a delivery."""

    delivery_id: int
    kind: str
    occurred_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """A receipt that was written."""

    id: int
    delivery_id: int
    kind: str
    contact_id: int | None


def write_receipts(
    came_back: Sequence[CameBack], *, now: datetime, too_soon: float = 0.0
) -> list[Written]:
    """
    Note what came back of many deliveries, and tell who listens: a few statements in all.

    Left out are those of deliveries that are gone or never left, and what is beyond
    `MOST_OF_A_KIND` of one delivery. Times of ours that lie ahead of `now` become `now`. Opens
    and clicks less than `too_soon` seconds after sending are a machine's.
    """
    if not came_back:
        return []
    rows = sql.fetch_all(
        sql.statement("messaging", "write_receipts"),
        delivery_ids=[one.delivery_id for one in came_back],
        kinds=[one.kind for one in came_back],
        times=[one.occurred_at for one in came_back],
        details=[json.dumps(dict(one.detail)) for one in came_back],
        most=MOST_OF_A_KIND,
        too_soon=too_soon,
        now=now,
    )
    written = [Written(*row) for row in rows]
    listening = facts.audience() if written else set()
    ids = [one.id for one in written]
    if facts.RECEIPT in listening:
        facts.announce_many(CAME_BACK, receipts=ids)
    if facts.BOUNCED in listening and any(one.kind == ReceiptKind.BOUNCED for one in written):
        facts.announce_many(BOUNCED, receipts=ids)
    return written


def tell_of_deliveries(*, ids: Sequence[int], now: datetime) -> None:
    """Tell who listens what was sent, failed or was skipped: one statement, if anybody does."""
    if ids and facts.DELIVERY in facts.audience():
        facts.announce_many(TOLD, ids=list(ids), now=now)
