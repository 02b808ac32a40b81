"""
Orders, many at once: an order number sent again replaces the order with its items.

Used by order files and by `/data/v1/Order` alike. Rows that change nothing write nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from accounts.actions import InvalidValueError
from accounts.models import Account
from accounts.tenancy import current_account_id, sql
from contacts.actions import facts
from contacts.actions.crowd import WORTH_SETTLING, Registry, save_people
from contacts.actions.customers import Outcome, Remark, again_if_overtaken, read_person
from contacts.actions.order_rows import TEXTS, TOTALS, NewItem, NewOrder, read_order
from contacts.actions.people import TWO_CONTACTS
from contacts.identity import DEFAULT_REGION

__all__ = ["NewItem", "NewOrder", "save_orders"]

COLUMNS = ("status", "ordered_at", "shipped_at", *TOTALS, *TEXTS, "extra")
# The import that wrote an order stands in its `extra`, under this key, and is not compared.
BY_IMPORT = "import"
MARK = f"""(stage.extra || CASE
        WHEN %(import_id)s::bigint IS NULL THEN '{{}}'::jsonb
        ELSE jsonb_build_object('{BY_IMPORT}', %(import_id)s::bigint)
    END)"""

MAKE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS orders_stage (
    person_line bigint NOT NULL,
    order_number text NOT NULL,
    status text NOT NULL,
    ordered_at timestamptz NOT NULL,
    shipped_at timestamptz,
    total numeric NOT NULL,
    item_total numeric NOT NULL,
    tax_total numeric NOT NULL,
    shipping_total numeric NOT NULL,
    handling_total numeric NOT NULL,
    discount_total numeric NOT NULL,
    coupon_code text NOT NULL,
    source text NOT NULL,
    store_number text NOT NULL,
    extra jsonb NOT NULL,
    items jsonb NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS orders_found (
    order_number text NOT NULL,
    order_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    is_new bool NOT NULL,
    is_changed bool NOT NULL,
    has_other_items bool NOT NULL,
    status_before text,
    contact_before bigint
) ON COMMIT DELETE ROWS;
TRUNCATE orders_stage, orders_found
"""
COPY_STAGE = (
    f"COPY orders_stage (person_line, order_number, {', '.join(COLUMNS)}, items) FROM STDIN"
)

ITEMS = """SELECT coalesce(
    jsonb_agg(
        jsonb_build_array(
            item.sku, item.quantity, item.price::text, item.total::text, item.status,
            item.extra
        )
        ORDER BY item.position
    ),
    '[]'
)
FROM contacts_orderitem AS item
WHERE item.order_id = stored.id"""
# What an earlier chunk of this import wrote of the same order is gone on with.
GO_ON = f"""
UPDATE orders_stage AS stage
SET items = written.items || stage.items,
    total = CASE
        WHEN stage.total = stage.item_total THEN stored.total + stage.total ELSE stage.total
    END,
    item_total = stored.item_total + stage.item_total
FROM contacts_order AS stored
CROSS JOIN LATERAL ({ITEMS}) AS written (items)
WHERE stored.order_number = stage.order_number
    AND stored.extra -> '{BY_IMPORT}' = to_jsonb(%(import_id)s::bigint)
"""
# Items are compared as a whole, in their order: amounts as numbers, so that 10 is 10.00.
FIND = f"""
INSERT INTO orders_found
SELECT
    stage.order_number,
    coalesce(
        stored.id, nextval(pg_get_serial_sequence('contacts_order', 'id'))
    ),
    found.contact_id,
    stored.id IS NULL,
    stored.id IS NOT NULL AND (
        stored.contact_id IS DISTINCT FROM found.contact_id
        OR ({", ".join(f"stored.{name}" for name in COLUMNS[:-1])}, stored.extra - '{BY_IMPORT}')
            IS DISTINCT FROM ({", ".join(f"stage.{name}" for name in COLUMNS)})
    ),
    stored.id IS NOT NULL AND stage.items <> (
        {ITEMS}
    ),
    stored.status,
    stored.contact_id
FROM orders_stage AS stage
JOIN contacts_found AS found ON found.line = stage.person_line
LEFT JOIN contacts_order AS stored ON stored.order_number = stage.order_number
"""
INSERT = f"""
INSERT INTO contacts_order (
    id, contact_id, order_number, {", ".join(COLUMNS)}, recorded_at, updated_at
)
SELECT
    found.order_id, found.contact_id, stage.order_number,
    {", ".join(f"stage.{name}" for name in COLUMNS[:-1])}, {MARK}, %(now)s, %(now)s
FROM orders_found AS found
JOIN orders_stage AS stage ON stage.order_number = found.order_number
WHERE found.is_new
"""
UPDATE = f"""
UPDATE contacts_order AS stored
SET contact_id = found.contact_id, updated_at = %(now)s,
    {", ".join(f"{name} = stage.{name}" for name in COLUMNS[:-1])}, extra = {MARK}
FROM orders_found AS found
JOIN orders_stage AS stage ON stage.order_number = found.order_number
WHERE stored.id = found.order_id AND (found.is_changed OR found.has_other_items)
"""
DELETE_ITEMS = """
DELETE FROM contacts_orderitem AS item
USING orders_found AS found
WHERE item.order_id = found.order_id AND found.has_other_items
"""
INSERT_ITEMS = """
INSERT INTO contacts_orderitem (
    order_id, position, sku, quantity, price, total, status, extra
)
SELECT
    found.order_id, item.position, item.row ->> 0, (item.row ->> 1)::int,
    (item.row ->> 2)::numeric, (item.row ->> 3)::numeric, item.row ->> 4, item.row -> 5
FROM orders_found AS found
JOIN orders_stage AS stage ON stage.order_number = found.order_number
CROSS JOIN LATERAL jsonb_array_elements(stage.items) WITH ORDINALITY AS item (row, position)
WHERE found.is_new OR found.has_other_items
"""
# A status is an order's for the first time once; what an order had before this was kept
# track of is not asked again as long as it stays.
REMEMBER = """
INSERT INTO contacts_orderfact (order_id, contact_id, order_number, status, recorded_at)
SELECT found.order_id, found.contact_id, stage.order_number, stage.status, %(now)s
FROM orders_found AS found
JOIN orders_stage AS stage ON stage.order_number = found.order_number
WHERE found.status_before IS DISTINCT FROM stage.status
ON CONFLICT DO NOTHING
"""
REMEMBERED = f"remembered AS ({REMEMBER} RETURNING order_id), "
# Orders belong to no list: whoever listens on a list of the contact hears of them.
FACT = f"""
    SELECT
        '{facts.ORDERED}'::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
        found.contact_id, NULL::bigint, stage.ordered_at, %(now)s::timestamptz,
        %(source)s::text,
        jsonb_build_object(
            'order_number', stage.order_number, 'status', stage.status, 'total', stage.total
        ), 0::smallint
    FROM orders_found AS found
    JOIN orders_stage AS stage ON stage.order_number = found.order_number
"""
# Triggers hear of a status only the first time, watchers of whatever changes.
FIRSTS = f"""{FACT}
    JOIN remembered ON remembered.order_id = found.order_id
    ORDER BY stage.ordered_at, found.order_id
"""
CHANGES = f"""{FACT}
    WHERE found.is_new OR found.is_changed OR found.has_other_items
    UNION ALL
    SELECT
        '{facts.ORDERED}', NULL, NULL, NULL, NULL, found.contact_before, NULL, %(now)s, %(now)s,
        %(source)s, '{{}}', 0
    FROM orders_found AS found
    WHERE found.contact_before <> found.contact_id
"""
# What an integration sends must not be older than a trigger says; a file may hold anything.
YOUNG_ENOUGH = f"""(
    listener.within IS NULL
    OR fact.method <> 'api'
    OR fact.occurred_at >= {facts.SINCE.format(moment="fact.recorded_at")}
)"""


# Whoever keeps something of orders says so when it is ready, by its app's name. It is called
# with the ids of orders that are new or changed, in the transaction that wrote them.
FOLLOWERS: dict[str, Callable[[Sequence[int], datetime], object]] = {}
WRITTEN = """
SELECT found.order_id
FROM orders_found AS found
WHERE found.is_new OR found.is_changed
ORDER BY found.order_id
"""


@dataclass(frozen=True)
class _Batch:
    """Orders by number, each with the index of its person and of its row."""

    registry: Registry
    orders: dict[str, tuple[int, dict[str, Any]]]


def save_orders(
    *,
    orders: Sequence[NewOrder],
    now: datetime,
    source: str,
    region: str = DEFAULT_REGION,
    start_conversations: bool = False,
    import_id: int | None = None,
) -> Outcome:
    """
    Create or replace many orders; each is taken or rejected by itself.

    An order's customer is found or created. Of one number twice among `orders` the later
    row stands. An order more than 24 hours in the future is a reject. With
    `start_conversations` triggers on orders hear of each that first has its status; of the
    `source` "api" only those that are no older than a trigger's `max_age`. Those who are
    inside a conversation are asked again whenever an order of theirs changes.
    Orders that an earlier chunk of the same import (`import_id`) brought are gone on with:
    their items are added.
    """

    def save() -> Outcome:
        outcome = Outcome()
        batch = _read(orders, now, region, outcome)
        _, _, crossed = save_people(registry=batch.registry, now=now)
        outcome.warnings += [Remark(line, "customerNumber", TWO_CONTACTS) for line in crossed]
        _write(batch, now, outcome, import_id)
        outcome.unchanged = len(orders) - len(outcome.rejects) - outcome.created - outcome.updated
        _announce(now, source, start_conversations=start_conversations)
        if outcome.created or outcome.updated:
            written = [row[0] for row in sql.fetch_all(WRITTEN)]
            for follow in FOLLOWERS.values():
                follow(written, now)
        return outcome

    return again_if_overtaken(save)


def _read(orders: Sequence[NewOrder], now: datetime, region: str, outcome: Outcome) -> _Batch:
    batch = _Batch(Registry(), {})
    for index, order in enumerate(orders):
        try:
            columns = read_order(order, now)
            person = read_person(order.customer, index, region, outcome.warnings)
        except InvalidValueError as bad:
            outcome.rejects.append(Remark(index, bad.field, bad.message))
            continue
        batch.orders[columns["order_number"]] = (batch.registry.add(person), columns)
    return batch


def _stage(batch: _Batch) -> None:
    sql.execute(MAKE_STAGE)
    with sql.copy_into(COPY_STAGE) as copy:
        for number, (person_line, columns) in batch.orders.items():
            texts = {name: _json(columns[name]) for name in ("extra", "items")}
            row = {**columns, **texts}
            copy.write_row([person_line, number, *(row[name] for name in COLUMNS), row["items"]])


def _write(batch: _Batch, now: datetime, outcome: Outcome, import_id: int | None) -> None:
    _stage(batch)
    if len(batch.orders) >= WORTH_SETTLING:
        sql.execute("ANALYZE orders_stage (order_number, person_line)")
    if import_id is not None:
        sql.execute(GO_ON, import_id=import_id)
    sql.execute(FIND)
    if len(batch.orders) >= WORTH_SETTLING:
        sql.execute("ANALYZE orders_found (order_number, order_id, is_new, has_other_items)")
    outcome.created = sql.execute(INSERT, now=now, import_id=import_id)
    outcome.updated = sql.execute(UPDATE, now=now, import_id=import_id)
    sql.execute(DELETE_ITEMS)
    sql.execute(INSERT_ITEMS)


def _announce(now: datetime, source: str, *, start_conversations: bool) -> None:
    """Write down which statuses are new to their orders, and tell who listens."""
    heard = facts.ORDERED in facts.audience()
    if heard:
        facts.queue(CHANGES, roles=facts.QUIET, now=now, source=source)
    if not heard or not start_conversations:
        sql.execute(REMEMBER, now=now)
        return
    zone = Account.objects.values_list("time_zone", flat=True).get(pk=current_account_id() or 0)
    facts.queue(
        FIRSTS,
        roles=["trigger"],
        given=REMEMBERED,
        heard_if=YOUNG_ENOUGH,
        now=now,
        source=source,
        zone=zone,
    )


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder).replace("\\u0000", "")
