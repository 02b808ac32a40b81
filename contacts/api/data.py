"""
Customer, Order and Product under /data/v1: arrays, taken row by row.

The wire answers `{"status":201,"resourceId":null}` whatever the rows are worth; what was
not taken, and why, is shown under Imports.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from ninja import Body

from accounts.actions import InvalidValueError
from accounts.wire import Created, Frame, WireRequest, created
from accounts.wire.bodies import ROWS, Rows
from contacts.actions.batches import Remarks
from contacts.actions.customers import Customer, Outcome, Remark, save_customers
from contacts.actions.orders import NewItem, NewOrder, save_orders
from contacts.actions.products import NewProduct, save_products
from contacts.api.loose import Loose
from contacts.models import Order
from contacts.models.imports import ImportKind

data = Frame("/data/v1", integration="data", tag="Data")

T = TypeVar("T")
AMOUNTS = {
    "total": "orderTotal",
    "item_total": "itemTotal",
    "tax_total": "taxTotal",
    "shipping_total": "shippingTotal",
    "handling_total": "handlingTotal",
    "discount_total": "discountTotal",
}
CUSTOMER_KEYS = (
    *("email", "customerNumber", "mobilePhone", "firstName", "lastName", "birthday", "zipCode"),
)
ORDER_KEYS = (
    *("orderNumber", "customer", "customerNumber", "email", "dateEntered", "shipDate", "status"),
    *("items", "couponCode", "source", "storeNumber", *AMOUNTS.values()),
)
PRODUCT_KEYS = (
    *("sku", "title", "category", "brand", "price", "salePrice", "qoh", "inStock"),
    *("onSale", "saleStartDate", "saleEndDate"),
)
ITEM_KEYS = ("sku", "quantity", "price", "itemTotal", "status", "orderNumber")


@data.post("/Customer", levels=["Customer"], reads=ROWS)
def save_all_customers(request: WireRequest, body: Body[Rows[Any]]) -> Created:
    """
    Create or update customers; the same again changes nothing.

    A customer is found by `email`, else by `customerNumber`, else by `mobilePhone`. Answered 201
    once the readable ones are stored; a row that cannot be taken, and why, stands under
    Contacts > Imports. What is empty changes nothing. Nobody is put on a list by this.
    """

    def save(rows: Sequence[Any]) -> Outcome:
        customers, places, unread = read_rows(rows, read_customer)
        return placed(save_customers(customers=customers, now=request.now), places, unread)

    return save_rows(request, ImportKind.CONTACTS, body, save)


@data.post("/Order", levels=["Order"], reads=ROWS)
def save_all_orders(request: WireRequest, body: Body[Rows[Any]]) -> Created:
    """
    Create or replace orders with their items; their customers are found or created.

    An order is known by `orderNumber`: the same number again replaces its items and totals. One
    without `dateEntered` keeps the date it has, or is of this moment; dates without an offset are
    in the account's zone. Conversations that listen for orders start, once for each status of an
    order. Rows that are not taken stand under Contacts > Imports, and the answer is 201 all the same.
    """

    def save(rows: Sequence[Any]) -> Outcome:
        numbered = known_dates(rows)
        orders, places, unread = read_rows(rows, lambda row: read_order(row, request, numbered))
        saved = save_orders(orders=orders, now=request.now, source="api", start_conversations=True)
        return placed(saved, places, unread)

    return save_rows(request, ImportKind.ORDERS, body, save)


@data.post("/Product", levels=["Product"], reads=ROWS)
def save_all_products(request: WireRequest, body: Body[Rows[Any]]) -> Created:
    """
    Create or add to products; who waits for one hears that it is back, cheaper, running low.

    A product is known by its `sku`; what is null or left out stays as it is. Rows that are not taken
    stand under Contacts > Imports.
    """

    def save(rows: Sequence[Any]) -> Outcome:
        products, places, unread = read_rows(rows, lambda row: read_product(row, request))
        return placed(save_products(products=products, now=request.now), places, unread)

    return save_rows(request, ImportKind.PRODUCTS, body, save)


def save_rows(
    request: WireRequest,
    kind: ImportKind,
    body: Rows[Any],
    save: Callable[[Sequence[Any]], Outcome],
) -> Created:
    """Save the rows of a body batch by batch, and keep what was not taken."""
    remarks = Remarks(kind=kind.value, now=request.now, by=request.client)
    for rows in body.batches():
        remarks.add(save(rows), rows)
    remarks.end()
    return created(None)


def read_rows(
    body: Sequence[Any], read: Callable[[Loose], T]
) -> tuple[list[T], list[int], list[Remark]]:
    """Return the rows that could be read, their places in the body, and the others."""
    rows, places, unread = [], [], []
    for place, row in enumerate(body):
        try:
            rows.append(read(Loose(row if row is not None else "", "row")))
        except InvalidValueError as bad:
            unread.append(Remark(place, bad.field, bad.message))
        else:
            places.append(place)
    return rows, places, unread


def placed(outcome: Outcome, places: Sequence[int], unread: Sequence[Remark]) -> Outcome:
    """Name rows by their places in the body, and add those that could not be read."""

    def there(remarks: Sequence[Remark]) -> list[Remark]:
        return [Remark(places[each.index], each.field, each.message) for each in remarks]

    outcome.rejects = [*there(outcome.rejects), *unread]
    outcome.warnings = there(outcome.warnings)
    return outcome


def read_customer(row: Loose) -> Customer:
    """Read a customer; of the phones only the mobile one is a person's own."""
    return Customer(
        email=row.text("email"),
        customer_number=row.text("customerNumber"),
        phone=row.text("mobilePhone"),
        first_name=row.text("firstName"),
        last_name=row.text("lastName"),
        birthday=row.text("birthday"),
        postal_code=row.text("zipCode"),
        extra=row.rest(*CUSTOMER_KEYS),
    )


def read_order(row: Loose, request: WireRequest, numbered: dict[str, datetime]) -> NewOrder:
    """
    Read an order; one without a date keeps the date it has, or is of this moment.

    Its customer is the one inside it, by the order's own address and number where given.
    """
    number = row.text("orderNumber").strip()
    inside = read_customer(row.nested("customer"))
    customer = Customer(
        email=row.text("email") or inside.email,
        customer_number=row.text("customerNumber") or inside.customer_number,
        phone=inside.phone,
        first_name=inside.first_name,
        last_name=inside.last_name,
        birthday=inside.birthday,
        postal_code=inside.postal_code,
        extra=inside.extra,
    )
    ordered_at = row.moment("dateEntered", request.zone)
    return NewOrder(
        order_number=number,
        customer=customer,
        ordered_at=ordered_at or numbered.get(number) or request.now,
        status=row.text("status") or None,
        items=[read_item(item) for item in row.rows("items")],
        shipped_at=row.moment("shipDate", request.zone),
        coupon_code=row.text("couponCode"),
        source=row.text("source"),
        store_number=row.text("storeNumber"),
        extra=row.rest(*ORDER_KEYS),
        **{name: row.text(key) or None for name, key in AMOUNTS.items()},
    )


def read_product(row: Loose, request: WireRequest) -> NewProduct:
    """Read a product; what is null or left out is not told."""
    return NewProduct(
        sku=row.text("sku"),
        title=row.text("title"),
        category=row.text("category"),
        brand=row.text("brand"),
        price=row.text("price") or None,
        sale_price=row.text("salePrice") or None,
        quantity=row.text("qoh") or None,
        in_stock=row.flag("inStock"),
        on_sale=row.flag("onSale"),
        sale_from=row.moment("saleStartDate", request.zone),
        sale_until=row.moment("saleEndDate", request.zone),
        extra=row.rest(*PRODUCT_KEYS),
    )


def read_item(row: Loose) -> NewItem:
    """Read a line of an order."""
    return NewItem(
        sku=row.text("sku"),
        quantity=row.text("quantity") or 1,
        price=row.text("price") or 0,
        total=row.text("itemTotal") or None,
        status=row.text("status") or None,
        extra=row.rest(*ITEM_KEYS),
    )


def known_dates(body: Sequence[Any]) -> dict[str, datetime]:
    """Return when the orders that come without a date were entered, by number."""
    numbers = set()
    for row in body:
        if isinstance(row, dict):
            loose = Loose(row, "row")
            number = loose.raw("orderNumber")
            if number is not None and loose.raw("dateEntered") is None:
                numbers.add(str(number).strip())
    storable_numbers = [number for number in numbers if "\0" not in number and number.isprintable()]
    orders = Order.objects.filter(order_number__in=storable_numbers)
    return dict(orders.values_list("order_number", "ordered_at"))
