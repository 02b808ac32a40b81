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

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.tenancy import sql
from contacts.actions import facts, happenings
from messaging.actions.receipt_facts import CAME_BACK, NOTED

# What is written down at once is no news to orders: theirs come later.
LATE = timedelta(seconds=2)
GOING = """
    SELECT conversion.receipt_id, conversion.order_id, conversion.delivery_id
    FROM messaging_conversion AS conversion
    WHERE conversion.id = ANY(%(ids)s::bigint[])
"""

Row = Mapping[str, Any]
# (order, delivery) -> when it was first written down.
Known = dict[tuple[Any, ...], datetime]


def ascribe(*, order_ids: Sequence[int], now: datetime) -> int:
    """
    Ascribe orders of the current account anew; return how many changed.

    Runs in the transaction that wrote the orders, or holds them. One statement where nothing
    changes, whatever the number of orders.
    """
    if not order_ids:
        return 0
    rows = sql.fetch_dicts(
        sql.statement("messaging", "find_conversions"), order_ids=list(order_ids)
    )
    wrong = [row for row in rows if row["conversion_id"] is not None]
    right = [row for row in rows if row["delivery_id"] is not None]
    known = take_back(wrong, right) if wrong else {}
    if right:
        write_down(right, known, now=now)
    return len(rows)


def take_back(wrong: Sequence[Row], right: Sequence[Row]) -> Known:
    """
    Ascribe orders to nothing; return since when what goes was known.

    Who watches is told, before what they heard of is gone; not of an order that stays with its
    message and has another total.
    """
    staying = {(row["order_id"], row["delivery_id"]) for row in right}
    ids = [row["conversion_id"] for row in wrong]
    if facts.RECEIPT in facts.audience(roles=facts.QUIET):
        leaving = sql.fetch_all(GOING, ids=ids)
        receipts = [receipt for receipt, *named in leaving if tuple(named) not in staying]
        facts.announce_many(CAME_BACK, roles=facts.QUIET, receipts=receipts)
    gone = sql.fetch_all(sql.statement("messaging", "take_back_conversions"), conversion_ids=ids)
    return {(order, delivery): recorded_at for order, delivery, recorded_at in gone}


def write_down(right: Sequence[Row], known: Known, *, now: datetime) -> None:
    """Write down what is right, and tell who listens of what was not `known`."""
    rows = sql.fetch_all(
        sql.statement("messaging", "write_conversions"),
        order_ids=[row["order_id"] for row in right],
        delivery_ids=[row["delivery_id"] for row in right],
        rules=[row["rule"] for row in right],
        times=[row["touched_at"] for row in right],
        recorded_ats=[known.get((row["order_id"], row["delivery_id"]), now) for row in right],
    )
    news = [receipt for receipt, *named in rows if tuple(named) not in known]
    if news and facts.RECEIPT in facts.audience():
        facts.announce_many(CAME_BACK, receipts=news)
    if news:
        happenings.note(["converted"], NOTED, receipts=news)


def ascribe_after(*, receipt_ids: Sequence[int], now: datetime) -> None:
    """Ascribe the orders anew that came before we were told of clicks and opens before them."""
    rows = sql.fetch_all(sql.statement("messaging", "orders_after"), receipt_ids=list(receipt_ids))
    ascribe(order_ids=[row[0] for row in rows], now=now)
