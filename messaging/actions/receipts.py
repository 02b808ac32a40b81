"""What comes back of a delivery: opens, clicks, bounces, replies; and who is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.tenancy import sql
from contacts.actions import facts, happenings
from messaging.actions.conversions import LATE, ascribe_after
from messaging.actions.receipt_facts import BOUNCED, CAME_BACK, NOTED, SENT, TOLD
from messaging.models import Delivery, DeliveryState, Receipt
from messaging.models.receipt import ReceiptKind

# One delivery keeps no more receipts of one kind.
MOST_OF_A_KIND = 200
# What an order may be ascribed to.
TOUCHES = {ReceiptKind.CLICKED.value, ReceiptKind.OPENED.value}
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
    happenings.note(sorted({one.kind for one in written}), NOTED, receipts=ids)
    if any(one.kind in TOUCHES and one.occurred_at < now - LATE for one in came_back):
        late = [one.id for one in written if one.kind in TOUCHES]
        ascribe_after(receipt_ids=late, now=now)
    return written


def tell_of_deliveries(*, ids: Sequence[int], now: datetime) -> None:
    """Tell who listens what was sent, failed or was skipped: one statement, if anybody does."""
    if ids:
        happenings.note([DeliveryState.SENT.value], SENT, ids=list(ids))
    if ids and facts.DELIVERY in facts.audience():
        facts.announce_many(TOLD, ids=list(ids), now=now)
