"""
Products, many at once, and whom a change of theirs is news to.

A product sent again is added to: what a row leaves out, or gives as null, stays. Compared
with how the product was last told, a row may bring three changes:

* back in stock: it was out of stock and is in stock (told, or by a quantity above 0);
* price drop: its price has fallen. While it is on sale that is the sale price: while not
  told otherwise by `on_sale`, between the sale's dates, where these are given;
* low stock: its quantity has fallen from above 10 to between 10 and 1.

In the same transaction each listening conversation hears once of every contact with such an
event for that SKU within the trigger's window: of the latest one; of several events that its
triggers ask for, of the first trigger's for whose window it is not too old.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import Account
from accounts.tenancy import current_account_id, sql
from contacts.actions import facts
from contacts.actions.crowd import WORTH_SETTLING, ConcurrentChangeError
from contacts.actions.customers import Outcome, Remark, again_if_overtaken
from contacts.actions.events import BLANKS, LONGEST_SKU
from contacts.actions.order_rows import read_amount, read_quantity

LOW_STOCK = 10  # pieces
TEXTS = {"title": 500, "category": 50, "brand": 50}
NUMBERS = ("price", "sale_price", "quantity", "in_stock", "on_sale", "sale_from", "sale_until")
COLUMNS = (*TEXTS, *NUMBERS, "extra")

MAKE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS products_stage (
    sku text NOT NULL,
    title text,
    category text,
    brand text,
    price numeric,
    sale_price numeric,
    quantity integer,
    in_stock boolean,
    on_sale boolean,
    sale_from timestamptz,
    sale_until timestamptz,
    extra jsonb NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS products_found (
    sku text NOT NULL,
    product_id bigint,
    title text NOT NULL,
    category text NOT NULL,
    brand text NOT NULL,
    price numeric,
    sale_price numeric,
    quantity integer,
    in_stock boolean,
    extra jsonb NOT NULL,
    is_changed boolean NOT NULL,
    was_in_stock boolean,
    had_quantity integer,
    had_price numeric,
    has_price numeric
) ON COMMIT DELETE ROWS;
TRUNCATE products_stage, products_found
"""
COPY_STAGE = f"COPY products_stage (sku, {', '.join(COLUMNS)}) FROM STDIN"

# Of `{row}` at the moment `{at}`; `extra` holds of a sale what was told of it.
EFFECTIVE = """CASE
        WHEN {row}.sale_price IS NOT NULL
            AND coalesce(({row}.extra -> 'onSale')::boolean, TRUE)
            AND coalesce(({row}.extra ->> 'saleStartDate')::timestamptz <= {at}, TRUE)
            AND coalesce(({row}.extra ->> 'saleEndDate')::timestamptz > {at}, TRUE)
            THEN {row}.sale_price
        ELSE {row}.price
    END"""
FIND = f"""
WITH stored AS MATERIALIZED (
    SELECT product.*
    FROM contacts_product AS product
    WHERE product.sku = ANY(ARRAY(SELECT stage.sku FROM products_stage AS stage))
    ORDER BY product.sku
    FOR UPDATE
), merged AS MATERIALIZED (
    SELECT
        stage.sku,
        stored.id AS product_id,
        coalesce(stage.title, stored.title, '') AS title,
        coalesce(stage.category, stored.category, '') AS category,
        coalesce(stage.brand, stored.brand, '') AS brand,
        coalesce(stage.price, stored.price) AS price,
        coalesce(stage.sale_price, stored.sale_price) AS sale_price,
        coalesce(stage.quantity, stored.quantity) AS quantity,
        coalesce(stage.in_stock, stage.quantity > 0, stored.in_stock) AS in_stock,
        coalesce(stored.extra, '{{}}') || stage.extra || jsonb_strip_nulls(jsonb_build_object(
            'onSale', stage.on_sale,
            'saleStartDate', stage.sale_from,
            'saleEndDate', stage.sale_until
        )) AS extra
    FROM products_stage AS stage
    LEFT JOIN stored ON stored.sku = stage.sku
)
INSERT INTO products_found
SELECT
    merged.*,
    stored.id IS NOT NULL AND (
        (stored.title, stored.category, stored.brand, stored.price, stored.sale_price,
            stored.quantity, stored.in_stock, stored.extra)
        IS DISTINCT FROM (merged.title, merged.category, merged.brand, merged.price,
            merged.sale_price, merged.quantity, merged.in_stock, merged.extra)
        OR {EFFECTIVE.format(row="stored", at="stored.updated_at")}
            IS DISTINCT FROM {EFFECTIVE.format(row="merged", at="%(now)s::timestamptz")}
    ),
    stored.in_stock,
    stored.quantity,
    {EFFECTIVE.format(row="stored", at="stored.updated_at")},
    {EFFECTIVE.format(row="merged", at="%(now)s::timestamptz")}
FROM merged
LEFT JOIN stored ON stored.id = merged.product_id
"""
INSERT = """
INSERT INTO contacts_product (
    sku, title, category, brand, price, sale_price, quantity, in_stock, extra, updated_at
)
SELECT
    found.sku, found.title, found.category, found.brand, found.price, found.sale_price,
    found.quantity, found.in_stock, found.extra, %(now)s
FROM products_found AS found
WHERE found.product_id IS NULL
ORDER BY found.sku
ON CONFLICT DO NOTHING
"""
UPDATE = """
UPDATE contacts_product AS product
SET
    title = found.title, category = found.category, brand = found.brand, price = found.price,
    sale_price = found.sale_price, quantity = found.quantity, in_stock = found.in_stock,
    extra = found.extra, updated_at = %(now)s
FROM products_found AS found
WHERE product.id = found.product_id AND found.is_changed
"""
# Listeners are few and changes rare: each pair asks the events by their index.
INTERESTED = f"""
SELECT
    change.kind, listening.list_id, listening.external_event_id, NULL::bigint, interest.id,
    interest.contact_id, NULL::bigint, %(now)s::timestamptz, %(now)s::timestamptz, 'api'::text,
    jsonb_strip_nulls(jsonb_build_object(
        'sku', found.sku, 'title', found.title, 'price', found.has_price,
        'previous_price', found.had_price, 'quantity', found.quantity,
        'url', found.extra -> 'linkUrl', 'image', found.extra -> 'imageUrl',
        'event_at', interest.occurred_at
    )), 0::smallint
FROM products_found AS found
CROSS JOIN LATERAL (
    VALUES
        ('{facts.BACK_IN_STOCK}'::text, found.in_stock AND NOT found.was_in_stock),
        ('{facts.PRICE_DROP}', found.has_price < found.had_price),
        (
            '{facts.LOW_STOCK}',
            found.had_quantity > {LOW_STOCK} AND found.quantity BETWEEN 1 AND {LOW_STOCK}
        )
) AS change (kind, has_come)
INNER JOIN (
    SELECT
        listener.kind,
        listener.list_id,
        listener.external_event_id,
        min(coalesce({facts.SINCE.format(moment="%(now)s::timestamptz")}, '-infinity')) AS since
    FROM contacts_listener AS listener
    WHERE listener.kind = ANY(%(kinds)s) AND listener.external_event_id IS NOT NULL
    GROUP BY listener.kind, listener.list_id, listener.external_event_id
) AS listening ON listening.kind = change.kind
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (event.contact_id) event.id, event.contact_id, event.occurred_at
    FROM contacts_event AS event
    WHERE event.external_event_id = listening.external_event_id
        AND event.sku = found.sku AND event.sku <> ''
        AND event.occurred_at BETWEEN listening.since AND %(now)s
        AND event.recorded_at <= %(now)s
    ORDER BY event.contact_id, event.occurred_at DESC, event.id DESC
) AS interest
WHERE change.has_come
ORDER BY found.sku, change.kind, interest.contact_id
"""
RECENTLY = f"""(
    listener.within IS NULL
    OR (fact.properties ->> 'event_at')::timestamptz >= {facts.SINCE.format(moment="fact.recorded_at")}
)"""
# However many events of a conversation a contact has, the change is one: the first trigger's
# for whose event it is not too late.
ONCE = f"""row_number() OVER (
            PARTITION BY listener.conversation_id, listener.for_segment_id, listener.role,
                fact.kind, fact.contact_id, fact.properties ->> 'sku'
            ORDER BY
                listener.within IS NULL OR (fact.properties ->> 'event_at')::timestamptz
                    >= {facts.COUNTS_SINCE.format(moment="fact.recorded_at")} DESC,
                listener.id
        )"""


@dataclass(frozen=True)
class NewProduct:
    """One product; None and "" are not given. Moments carry their zone."""

    sku: str
    title: str = ""
    category: str = ""
    brand: str = ""
    price: Decimal | float | str | None = None
    sale_price: Decimal | float | str | None = None
    quantity: int | str | None = None
    in_stock: bool | None = None
    on_sale: bool | None = None
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def save_products(*, products: Sequence[NewProduct], now: datetime) -> Outcome:
    """
    Create or add to many products; each is taken or rejected by itself.

    Of one SKU twice among `products` what the later row gives stands. Who is interested in
    a product that is back in stock, cheaper or running low is queued in the same
    transaction, by one statement. The same rows again change nothing.
    """

    def save() -> Outcome:
        outcome = Outcome()
        rows = _read(products, outcome)
        _stage(rows)
        sql.execute(FIND, now=now)
        missing = int(
            sql.fetch_value("SELECT count(*) FROM products_found WHERE product_id IS NULL")
        )
        if sql.execute(INSERT, now=now) != missing:
            raise ConcurrentChangeError
        outcome.created = missing
        outcome.updated = sql.execute(UPDATE, now=now)
        outcome.unchanged = len(products) - len(outcome.rejects) - outcome.created - outcome.updated
        _announce(now)
        return outcome

    return again_if_overtaken(save)


def read_product(product: NewProduct) -> dict[str, Any]:
    """
    Return a product as a row of the stage, without what it does not give.

    :raises InvalidValueError: for a missing or too long SKU, an amount or quantity that is
        none or negative.
    """
    sku = product.sku.strip(BLANKS)
    if not sku or len(sku) > LONGEST_SKU or "\0" in sku:
        raise InvalidValueError("sku", f"A product needs a sku of 1 to {LONGEST_SKU} characters.")
    row: dict[str, Any] = {"sku": sku, "extra": dict(product.extra)}
    for name, longest in TEXTS.items():
        row[name] = getattr(product, name).replace("\0", "").strip()[:longest] or None
    for name, wire in (("price", "price"), ("sale_price", "salePrice")):
        raw = getattr(product, name)
        row[name] = None if raw in (None, "") else read_amount(wire, raw)
        if row[name] is not None and row[name] < 0:
            raise InvalidValueError(wire, f"{wire} is less than nothing.")
    row["quantity"] = None if product.quantity in (None, "") else _pieces(product.quantity)
    for name in ("in_stock", "on_sale", "sale_from", "sale_until"):
        row[name] = getattr(product, name)
    return {name: value for name, value in row.items() if value is not None}


def _pieces(raw: int | str | None) -> int:
    try:
        return read_quantity(raw if raw is not None else 0)
    except InvalidValueError as bad:
        raise InvalidValueError("qoh", bad.message) from bad


def _read(products: Sequence[NewProduct], outcome: Outcome) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for index, product in enumerate(products):
        try:
            row = read_product(product)
        except InvalidValueError as bad:
            outcome.rejects.append(Remark(index, bad.field, bad.message))
            continue
        known = rows.setdefault(row["sku"], row)
        if known is not row:
            known.update({**row, "extra": {**known["extra"], **row["extra"]}})
    return rows


def _stage(rows: Mapping[str, Mapping[str, Any]]) -> None:
    sql.execute(MAKE_STAGE)
    with sql.copy_into(COPY_STAGE) as copy:
        for sku, row in rows.items():
            extra = json.dumps(row["extra"]).replace("\\u0000", "")
            copy.write_row([sku, *(row.get(name) for name in COLUMNS[:-1]), extra])
    if len(rows) >= WORTH_SETTLING:
        sql.execute("ANALYZE products_stage (sku)")


def _announce(now: datetime) -> None:
    kinds = {facts.BACK_IN_STOCK, facts.PRICE_DROP, facts.LOW_STOCK}
    if not kinds & facts.audience(roles=["trigger"]):
        return
    facts.queue(
        INTERESTED,
        same_list=facts.ONE_LIST,
        heard_if=RECENTLY,
        number=ONCE,
        # It is the product that has changed: of the contact there is nothing to ask again.
        roles=["trigger"],
        now=now,
        kinds=sorted(kinds),
        zone=Account.objects.values_list("time_zone", flat=True).get(pk=current_account_id() or 0),
    )
