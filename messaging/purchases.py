"""
Orders as templates see them: in the words of the data API, `order.orderNumber`.

Each is there in the templates' own spelling as well, `order.order_number`. What the wire
brought beyond what we keep in columns (addresses, tracking number, meta1 to meta5) is there
too, and an item has its product's title.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from contacts.actions.orders import BY_IMPORT
from contacts.models import Contact, Order, OrderItem, Product
from messaging import samples

Key = tuple[int | None, str]  # contact, order number

WORDS = {
    "orderNumber": "order_number",
    "status": "status",
    "orderTotal": "total",
    "total": "total",  # as events call it
    "itemTotal": "item_total",
    "taxTotal": "tax_total",
    "shippingTotal": "shipping_total",
    "handlingTotal": "handling_total",
    "discountTotal": "discount_total",
    "couponCode": "coupon_code",
    "source": "source",
    "storeNumber": "store_number",
}
# What the wire may bring of an order beyond these.
MORE_WORDS = (
    *("associateID", "billingAddress", "shippingAddress", "shippingMethod", "trackingNumber"),
    *("merchandiseDiscount", "merchandiseDiscountDescription", "merchandiseDiscountType"),
    *("nonMerchandiseDiscount", "nonMerchandiseDiscountDescription", "nonMerchandiseDiscountType"),
    *("meta1", "meta2", "meta3", "meta4", "meta5"),
)
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MOST_ITEMS = 100


def order_named(event: Mapping[str, Any]) -> str:
    """Return the number of the order that began an entry, "" where none did."""
    number = event.get("order_number") or event.get("orderNumber") or ""
    return str(number) if isinstance(number, str | int) else ""


def orders_of(keys: Collection[Key]) -> dict[Key, dict[str, Any]]:
    """
    Return orders by contact and number, with three queries however many.

    A number that is another contact's order is no order: an event may say anything. Without a
    contact it is the sample's.
    """
    wanted = {key for key in keys if key[0] is not None and key[1]}
    found: dict[Key, dict[str, Any]] = {
        key: both_spellings(samples.ORDER)
        for key in keys
        if key == (None, samples.ORDER["orderNumber"])
    }
    if not wanted:
        return found
    orders = Order.objects.filter(
        order_number__in={number for _, number in wanted},
        contact__in={contact for contact, _ in wanted},
    )
    rows = {row.pk: row for row in orders if (row.contact_id, row.order_number) in wanted}
    items = items_of(rows)
    for row in rows.values():
        found[row.contact_id, row.order_number] = both_spellings(as_words(row, items[row.pk]))
    return found


def items_of(orders: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the items of orders, each with its product's title."""
    found: dict[int, list[dict[str, Any]]] = {pk: [] for pk in orders}
    rows = list(OrderItem.objects.filter(order__in=found).order_by("order", "position", "pk"))
    skus = {row.sku for row in rows}
    titles = dict(Product.objects.filter(sku__in=skus).values_list("sku", "title"))
    for row in rows:
        if len(found[row.order_id]) < MOST_ITEMS:
            found[row.order_id].append(
                {
                    **the_shops(row.extra),
                    "sku": row.sku,
                    "title": titles.get(row.sku) or row.sku,
                    "quantity": row.quantity,
                    "price": float(row.price),
                    "itemTotal": float(row.total),
                    "status": row.status,
                }
            )
    return found


def as_words(order: Order, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an order in the data API's words; amounts are numbers, dates ISO texts."""
    said = {word: getattr(order, column) for word, column in WORDS.items()}
    return {
        **the_shops(order.extra),
        **{
            word: float(said[word]) if word.lower().endswith("total") else said[word]
            for word in said
        },
        "dateEntered": order.ordered_at.isoformat(),
        "shipDate": order.shipped_at.isoformat() if order.shipped_at else "",
        "items": items,
    }


def the_shops(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the wire brought, without what is noted there for ourselves."""
    return {key: value for key, value in extra.items() if key != BY_IMPORT}


def both_spellings(value: Any) -> Any:
    """Return values under `itemTotal` and `item_total`."""
    if isinstance(value, list):
        return [both_spellings(one) for one in value]
    if not isinstance(value, dict):
        return value
    both = {key: both_spellings(one) for key, one in value.items()}
    return {**{snake(key): one for key, one in both.items()}, **both}


def snake(word: str) -> str:
    """Return `orderNumber` as `order_number`."""
    return HUMP.sub("_", word).lower()


def latest_order_event(contact: Contact | None) -> dict[str, str]:
    """Return the event of a contact's latest order, as if that had begun the conversation."""
    if contact is None:
        return dict(samples.ORDER_EVENT)
    order = Order.objects.filter(contact=contact).order_by("-ordered_at", "-pk").first()
    if order is None:
        return {}
    return {"order_number": order.order_number, "status": order.status, "total": str(order.total)}
