"""
Purchase: what the contact has ordered, by whatever list.

An order counts if it is not Canceled or Returned (or is in `status`), lies in the window
by its order date, and has an item of the `sku`, `category` and `brand` asked for. All
that is asked is asked of the same set of orders.
"""

from collections.abc import Mapping
from typing import Any

from contacts.filters.clock import Clock
from contacts.filters.facts import (
    AT_LEAST_ONE,
    aggregated,
    holds_for_nothing,
    is_any,
    number_tests,
    once_there,
    read_number,
    read_window,
    some,
    window_tests,
)
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test, every
from contacts.filters.sentences import listed, operators_sentence, span
from contacts.filters.values import compare_date, read_operators, value_tests
from contacts.models import OrderStatus

NUMBERS = {
    "count": "count(*)",
    "total": "coalesce(sum(purchase.total), 0)",
    "average": "avg(purchase.total)",
    "largest": "max(purchase.total)",
    "smallest": "min(purchase.total)",
}
DATES = {"first": "min", "last": "max"}
ITEMS = {"sku": "item.sku", "category": "product.category", "brand": "product.brand"}
KEYS = ("within", "since", "status", *NUMBERS, *DATES, *ITEMS)


class Purchase(LeafType):
    """`{purchase: {within | since, status, count ... brand}}`."""

    kind = "purchase"

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the window, what keeps orders, and what is asked of them."""
        given = reader.mapping(written, path, KEYS, "A purchase rule")
        config = read_window(reader, given, path)
        if "status" in given:
            config["status"] = _statuses(reader, given["status"], within(path, "status"))
        for key in NUMBERS:
            if key in given:
                config[key] = read_number(reader, given[key], within(path, key))
        for key in DATES:
            if key in given:
                dates = given[key] if isinstance(given[key], dict) else {}
                config[key] = read_operators(reader, dates, within(path, key), "date")
        for key in ITEMS:
            if key in given:
                config[key] = reader.texts(given[key], within(path, key))
        return config

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Look for one order where one is enough, else ask all orders together."""
        return once_there(resolved, _asked(resolved, scope), scope)

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask again when an order comes into or leaves the window, or its date a span of days."""
        at, recorded, span_ = "purchase.ordered_at", "purchase.recorded_at", resolved.get("within")
        day = f"({at} AT TIME ZONE {clock.scope.zone})::date"
        days = [
            moment for key in DATES if key in resolved for moment in clock.days(resolved[key], day)
        ]
        return [
            clock.of_facts(
                "contacts_order AS purchase",
                "purchase.contact_id",
                [] if days else clock.recent(at, recorded, span_),
                [clock.window(at, recorded, span_), *days],
            )
        ]

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer."""
        return {("order", None, None)}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `ordered in the last 60 days`, `no order in the last 60 days`."""
        words = "no order" if negated else "ordered"
        if "status" in config:
            words += f" ({listed(config['status'])})"
        for key in ITEMS:
            if key in config:
                words += f" of {key} {listed(config[key])}"
        words += span(config)
        asked = [
            operators_sentence(key, config[key]) for key in (*NUMBERS, *DATES) if key in config
        ]
        return f"{words}, {' and '.join(asked)}" if asked else words


def _statuses(reader: Reader, value: Any, path: str) -> list[str]:
    def one(item: Any, at: str) -> str:
        return reader.choice(item, at, OrderStatus.values)

    return reader.several(value if isinstance(value, list) else [value], path, one)


def _status_test(resolved: Config, scope: Scope) -> str:
    if "status" in resolved:
        bound = ", ".join(scope.bind(status, "text") for status in resolved["status"])
        return f"purchase.status IN ({bound})"
    return "purchase.status NOT IN ('Canceled', 'Returned')"


def _item_test(resolved: Config, scope: Scope) -> str:
    tests = [
        value_tests(
            {"in": value if isinstance(value, list) else [value]}, "text", ITEMS[key], scope
        )[0].sql
        for key, value in resolved.items()
        if key in ITEMS
    ]
    product = (
        "LEFT JOIN contacts_product AS product ON product.sku = item.sku "
        if set(resolved) & {"category", "brand"}
        else ""
    )
    return (
        f"EXISTS (SELECT FROM contacts_orderitem AS item {product}"
        f"WHERE item.order_id = purchase.id AND {' AND '.join(tests)})"
    )


def _holds_without_orders(numbers: Config, dates: Config) -> bool:
    """Count and total are 0 without orders, all else is empty."""
    for key, operators in numbers.items():
        if key in {"count", "total"}:
            if not holds_for_nothing(operators):
                return False
        elif operators != {"empty": True}:
            return False
    return all(operators == {"empty": True} for operators in dates.values())


def _asked(resolved: Config, scope: Scope) -> Test:
    conditions = window_tests(resolved, "purchase.ordered_at", "purchase.recorded_at", scope)
    conditions.append(_status_test(resolved, scope))
    if any(key in resolved for key in ITEMS):
        conditions.append(_item_test(resolved, scope))
    numbers = {key: resolved[key] for key in NUMBERS if key in resolved}
    dates = {key: resolved[key] for key in DATES if key in resolved}
    if not numbers and not dates:
        numbers = {"count": AT_LEAST_ONE}
    if not dates and set(numbers) == {"count"} and is_any(numbers["count"]):
        return some(
            "contacts_order AS purchase",
            ["purchase.contact_id = subscription.contact_id", *conditions],
        )
    having = [
        test
        for key, operators in numbers.items()
        for test in number_tests(operators, NUMBERS[key], scope)
    ]
    for key, operators in dates.items():
        date = f"({DATES[key]}(purchase.ordered_at) AT TIME ZONE {scope.zone})::date"
        having += [
            compare_date(name, argument, date, scope) for name, argument in operators.items()
        ]
    return aggregated(
        "contacts_order AS purchase",
        "purchase.contact_id",
        conditions,
        every(having),
        empty=_holds_without_orders(numbers, dates),
        scope=scope,
    )


LEAF = Purchase()
