"""
One chunk of an order file: rows of one order number are one order with its items.

The rows of an order need not stand together within a chunk; a later chunk of the same
import that goes on with an order adds to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.actions import InvalidValueError
from contacts.actions.customers import Customer, Outcome
from contacts.actions.order_rows import NewItem, NewOrder, item_row, read_order
from contacts.actions.orders import save_orders
from contacts.identity import DEFAULT_REGION, read_moment
from contacts.imports.faults import RowFaultError
from contacts.imports.rows import FORMULA

ITEM_TARGETS = ("sku", "quantity", "price")
MOST_ITEMS = 10_000


@dataclass
class OrderRows:
    """The rows of one order number, as texts by target; later ones fill what is empty."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    items: list[NewItem] = field(default_factory=list)
    row_count: int = 0
    fault: RowFaultError | None = None
    fault_line: int = 0
    raw: str = ""


class OrderReader:
    """Reads the cells of one order file by its mapping."""

    def __init__(
        self,
        *,
        columns: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        zone: ZoneInfo,
        width: int,
    ) -> None:
        self.zone = zone
        self.region = str(options.get("region") or DEFAULT_REGION)
        self.targets = {str(column["target"]) for column in columns}
        self._columns = [
            (int(column["column"]), str(column["target"]), str(column.get("default") or ""))
            for column in columns
        ]
        self._width = width
        self._needed = width or 1 + max((number for number, _, _ in self._columns), default=0)

    def cells(self, cells: Sequence[str]) -> dict[str, str]:
        """
        Return a record's texts by target.

        :raises RowFaultError: for missing columns, a formula, no order number.
        """
        if len(cells) < self._needed:
            raise RowFaultError("columns", f"The line has {len(cells)} of {self._needed} columns.")
        if self._width and any(cell.strip() for cell in cells[self._width :]):
            raise RowFaultError(
                "columns", f"The line has {len(cells)} columns, the header {self._width}."
            )
        texts = {}
        for number, target, default in self._columns:
            text = cells[number].strip() or default
            if text and text[0] in "=+-@" and FORMULA.match(text):
                raise RowFaultError("formula", f"{target}: {text[:60]!r} is a formula.")
            texts[target] = text
        if not texts["order_number"]:
            raise RowFaultError("order_number", "The line has no order number.")
        return texts

    def add(self, order: OrderRows, texts: Mapping[str, str]) -> None:
        """
        Add a row to its order.

        :raises RowFaultError: for an item that cannot be taken.
        """
        order.row_count += 1
        for target, text in texts.items():
            if text and target not in ITEM_TARGETS:
                order.values.setdefault(target, text)
        if "sku" not in self.targets:
            return
        item = NewItem(
            sku=texts["sku"],
            quantity=texts.get("quantity") or 1,
            price=texts.get("price") or 0,
        )
        try:
            item_row(item)
        except InvalidValueError as bad:
            raise RowFaultError(bad.field, bad.message) from bad
        if len(order.items) >= MOST_ITEMS:
            raise RowFaultError("items", f"The order has more than {MOST_ITEMS} items.")
        order.items.append(item)

    def order(self, rows: OrderRows, now: datetime) -> NewOrder:
        """
        Return the rows as an order.

        :raises RowFaultError: for what one of the rows lacks or cannot be.
        """
        values = rows.values
        try:
            if not values.get("date"):
                raise InvalidValueError("date", "The line has no order date.")
            order = NewOrder(
                order_number=values["order_number"],
                customer=Customer(
                    email=values.get("email", ""),
                    customer_number=values.get("customer_number", ""),
                    phone=values.get("phone", ""),
                    first_name=values.get("first_name", ""),
                    last_name=values.get("last_name", ""),
                ),
                ordered_at=read_moment(values["date"], self.zone),
                status=values.get("status"),
                items=rows.items,
                total=values.get("total"),
                tax_total=values.get("tax_total"),
                shipping_total=values.get("shipping_total"),
                discount_total=values.get("discount_total"),
                coupon_code=values.get("coupon_code", ""),
                store_number=values.get("store_number", ""),
            )
            read_order(order, now)
        except InvalidValueError as bad:
            raise RowFaultError(bad.field, bad.message) from bad
        return order


@dataclass
class OrderTally:
    """What became of a chunk of orders; counts are orders, not lines."""

    outcome: Outcome = field(default_factory=Outcome)
    rejects: list[tuple[int, str, str, str]] = field(default_factory=list)
    warnings: list[tuple[int, str, str, str]] = field(default_factory=list)


def store_orders(
    *,
    reader: OrderReader,
    records: Iterable[tuple[int, Sequence[str], str]],
    now: datetime,
    import_id: int,
    start_conversations: bool,
) -> OrderTally:
    """
    Store a chunk's records, given as (line, cells, the line's text for rejects).

    An order with one bad row is rejected as a whole.
    """
    tally = OrderTally()
    rows = _gather(reader, records, tally)
    taken: list[OrderRows] = []
    orders: list[NewOrder] = []
    for order in rows.values():
        try:
            if order.fault is not None:
                raise order.fault
            orders.append(reader.order(order, now))
            taken.append(order)
        except RowFaultError as fault:
            line = order.fault_line or order.line
            tally.rejects.append((line, fault.code, fault.message, order.raw))
    if orders:
        outcome = save_orders(
            orders=orders,
            now=now,
            source="import",
            region=reader.region,
            start_conversations=start_conversations,
            import_id=import_id,
        )
        tally.outcome = outcome
        for remarks, kept in (
            (outcome.rejects, tally.rejects),
            (outcome.warnings, tally.warnings),
        ):
            for remark in remarks:
                order = taken[remark.index]
                kept.append((order.line, remark.field, remark.message, order.raw))
    return tally


def _gather(
    reader: OrderReader, records: Iterable[tuple[int, Sequence[str], str]], tally: OrderTally
) -> dict[str, OrderRows]:
    """Return the chunk's rows by order number."""
    rows: dict[str, OrderRows] = {}
    for line, cells, raw in records:
        try:
            texts = reader.cells(cells)
        except RowFaultError as fault:
            tally.rejects.append((line, fault.code, fault.message, raw))
            continue
        order = rows.setdefault(texts["order_number"], OrderRows(line, raw=raw))
        try:
            reader.add(order, texts)
        except RowFaultError as fault:
            if order.fault is None:
                order.fault, order.fault_line, order.raw = fault, line, raw
    return rows
