"""
Conversions: which message an order is ascribed to.

The rule: the contact's last click in a message within `click_days` of the account before the
order, else the last open within `open_days`; by people, of any channel, tests left out. An
order is ascribed once, to one delivery; one that is canceled or returned to none. It is asked
anew, in the same transaction, whenever the order changes or a click or open from before it is
told of late. What days an account sets holds for orders that come or change from then on.

Each conversion is a receipt `converted` of its delivery, too, so that filters and waits know it;
one that is taken back takes its receipt along, and who listens is asked again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.tenancy import sql
from contacts.actions import facts
from messaging.actions.receipt_facts import CAME_BACK

# What is written down at once is no news to orders: theirs come later.
LATE = timedelta(seconds=2)


def ascribe(*, order_ids: Sequence[int], now: datetime) -> int:
    """
    Ascribe orders of the current account anew; return how many changed.

    Runs in the transaction that wrote the orders, or holds them. One statement where nothing
    changes, whatever the number of orders.
    """
    if not order_ids:
        return 0
    found = sql.fetch_all(sql.statement("messaging", "find_conversions"), order_ids=list(order_ids))
    wrong = [conversion for _, conversion, *_ in found if conversion is not None]
    right = [
        (order, delivery, rule, at)
        for order, _, delivery, rule, at in found
        if delivery is not None
    ]
    if wrong:
        take_back(wrong)
    if right:
        write_down(right, now=now)
    return len(found)


def take_back(conversion_ids: list[int]) -> None:
    """Ascribe orders to nothing; tell who watches, before what they heard of is gone."""
    if facts.RECEIPT in facts.audience(roles=facts.QUIET):
        rows = sql.fetch_all(
            "SELECT conversion.receipt_id FROM messaging_conversion AS conversion "
            "WHERE conversion.id = ANY(%(ids)s::bigint[])",
            ids=conversion_ids,
        )
        receipts = [row[0] for row in rows]
        facts.announce_many(CAME_BACK, roles=facts.QUIET, receipts=receipts)
    sql.execute(sql.statement("messaging", "take_back_conversions"), conversion_ids=conversion_ids)


def write_down(right: Sequence[tuple[int, int, str, datetime]], *, now: datetime) -> None:
    """Write (order, delivery, rule, touched at) down, and tell who listens."""
    rows = sql.fetch_all(
        sql.statement("messaging", "write_conversions"),
        order_ids=[one[0] for one in right],
        delivery_ids=[one[1] for one in right],
        rules=[one[2] for one in right],
        times=[one[3] for one in right],
        now=now,
    )
    if facts.RECEIPT in facts.audience():
        facts.announce_many(CAME_BACK, receipts=[row[0] for row in rows])


def ascribe_after(*, receipt_ids: Sequence[int], now: datetime) -> None:
    """Ascribe the orders anew that came before we were told of clicks and opens before them."""
    rows = sql.fetch_all(sql.statement("messaging", "orders_after"), receipt_ids=list(receipt_ids))
    ascribe(order_ids=[row[0] for row in rows], now=now)
