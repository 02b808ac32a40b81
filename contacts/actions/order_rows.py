"""Orders as pages, files and the wire hand them in, and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from accounts.actions import InvalidValueError
from contacts.actions.customers import Customer
from contacts.models import OrderStatus

# An order may be ahead of our clock by a zone, not by more.
LATEST = timedelta(hours=24)
LARGEST_AMOUNT = Decimal(10) ** 12
CENT = Decimal("0.01")
TOTALS = (
    "total",
    "item_total",
    "tax_total",
    "shipping_total",
    "handling_total",
    "discount_total",
)
TEXTS = {"coupon_code": 32, "source": 25, "store_number": 100}
STATUSES = {status.replace("-", "").lower(): status for status in OrderStatus.values}
# How shops say it.
STATUSES |= {
    "": OrderStatus.NOT_SET.value,
    "cancelled": OrderStatus.CANCELED.value,
    "complete": OrderStatus.COMPLETED.value,
    "refunded": OrderStatus.RETURNED.value,
}


@dataclass(frozen=True)
class NewItem:
    """One line of an order; without a total it is quantity times price."""

    sku: str
    quantity: int | str = 1
    price: Decimal | float | str = 0
    total: Decimal | float | str | None = None
    status: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewOrder:
    """
    One order; `customer` says whose it is.

    Without `total` it is the sum of the items. `ordered_at` carries its zone.
    """

    order_number: str
    customer: Customer
    ordered_at: datetime
    status: str | None = None
    items: Sequence[NewItem] = ()
    shipped_at: datetime | None = None
    total: Decimal | float | str | None = None
    item_total: Decimal | float | str | None = None
    tax_total: Decimal | float | str | None = None
    shipping_total: Decimal | float | str | None = None
    handling_total: Decimal | float | str | None = None
    discount_total: Decimal | float | str | None = None
    coupon_code: str = ""
    source: str = ""
    store_number: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_order(order: NewOrder, now: datetime) -> dict[str, Any]:
    """
    Return an order as its columns, and `items` as rows of `item_row`.

    :raises InvalidValueError: for a missing number, a date too far ahead, a bad amount.
    """
    number = order.order_number.strip()
    if not number or len(number) > 50 or "\0" in number:
        raise InvalidValueError("orderNumber", "An order needs a number of 1 to 50 characters.")
    if order.ordered_at > now + LATEST:
        raise InvalidValueError(
            "dateEntered", f"The order's date {order.ordered_at:%Y-%m-%d %H:%M} is in the future."
        )
    items = [item_row(item) for item in order.items]
    columns: dict[str, Any] = {
        "order_number": number,
        "status": read_status(order.status),
        "ordered_at": order.ordered_at,
        "shipped_at": order.shipped_at,
        "extra": dict(order.extra),
        "items": items,
    }
    item_sum = sum((Decimal(item[3]) for item in items), Decimal(0))
    for name in TOTALS:
        columns[name] = read_amount(name, getattr(order, name))
    if order.item_total is None:
        columns["item_total"] = item_sum
    if order.total is None:
        columns["total"] = columns["item_total"]
    for name, longest in TEXTS.items():
        columns[name] = str(getattr(order, name)).replace("\0", "").strip()[:longest]
    return columns


def item_row(item: NewItem) -> list[Any]:
    """
    Return [sku, quantity, price, total, status, extra]; amounts are texts.

    :raises InvalidValueError: for a missing sku, a quantity or an amount that is none.
    """
    sku = item.sku.strip()
    if not sku or len(sku) > 100 or "\0" in sku:
        raise InvalidValueError("sku", "An item needs a sku of 1 to 100 characters.")
    quantity = read_quantity(item.quantity)
    price = read_amount("price", item.price)
    total = price * quantity if item.total is None else read_amount("itemTotal", item.total)
    return [sku, quantity, str(price), str(total), read_status(item.status), dict(item.extra)]


def read_quantity(raw: int | str) -> int:
    """
    Return a whole number of pieces; 2.0 is 2.

    :raises InvalidValueError: field `quantity`.
    """
    amount = read_amount("quantity", raw)
    if amount != int(amount) or abs(amount) > 1_000_000_000:
        raise InvalidValueError("quantity", f"{str(raw)[:80]!r} is no number of pieces.")
    return int(amount)


def read_amount(name: str, raw: Decimal | float | str | None) -> Decimal:
    """
    Return an amount of money, rounded to cents; nothing is 0.

    :raises InvalidValueError: field `name`.
    """
    text = str(raw if raw is not None else 0).strip().replace("$", "").replace(",", "") or "0"
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # Compared, not calculated with: the absolute value of 1e9999999 is beyond all arithmetic.
    if not amount.is_finite() or not -LARGEST_AMOUNT < amount < LARGEST_AMOUNT:
        raise InvalidValueError(name, f"{str(raw)[:80]!r} is no amount.")
    return amount.quantize(CENT)


def read_status(text: str | None) -> str:
    """Return one of the vendor's states; what is none of them is `Unknown`."""
    key = (text or "").replace("-", "").replace(" ", "").replace("_", "").lower()
    return STATUSES.get(key, OrderStatus.UNKNOWN.value)
