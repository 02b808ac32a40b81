"""
Settle by hand what nobody knows: whether a message arrived whose sender or connection died.

What arrived is sent, from now on counted and told as such; what did not is queued anew, and
asked about again like any other when it is claimed. A provider's late notice settles by
itself (`provider_events`); whichever comes first stands.
"""

from collections.abc import Sequence
from datetime import datetime

from accounts.actions import record
from accounts.models import ApiClient, List, User
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from messaging.actions.receipts import tell_of_deliveries


def note_arrived(
    *, list: List, deliveries: Sequence[int], now: datetime, by: User | ApiClient | None = None
) -> int:
    """Take unknown deliveries of a list for sent; return how many were unknown."""
    rows = sql.fetch_all(
        sql.statement("messaging", "settle_as_sent"),
        list_id=list.pk,
        delivery_ids=[*deliveries],
        now=now,
    )
    tell_of_deliveries(ids=[row[0] for row in rows], now=now)
    note(list, [row[0] for row in rows], "arrived", now=now, by=by)
    return len(rows)


def send_again(
    *, list: List, deliveries: Sequence[int], now: datetime, by: User | ApiClient | None = None
) -> int:
    """Queue unknown deliveries of a list anew; return how many were unknown."""
    rows = sql.fetch_all(
        sql.statement("messaging", "queue_unknown"),
        list_id=list.pk,
        delivery_ids=[*deliveries],
        now=now,
    )
    note(list, [row[0] for row in rows], "sent again", now=now, by=by)
    if rows:
        wake("send")
        wake("urgent")
    return len(rows)


def note(
    in_list: List,
    settled: Sequence[int],
    how: str,
    *,
    now: datetime,
    by: User | ApiClient | None,
) -> None:
    """Keep in the audit who settled how many, and which."""
    if settled:
        record(
            verb="settled",
            noun="delivery",
            object_id=settled[0] if len(settled) == 1 else None,
            now=now,
            by=by,
            detail={
                "as": how,
                "list": in_list.pk,
                "number": len(settled),
                "first": min(settled),
                "last": max(settled),
            },
        )
