"""Rules and people drawn at random, with all that is awkward about them."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from accounts.models import List
from contacts.models import Event, OrderItem, Product
from tests.contacts.filters.oracle import Bought, Happened, Person
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    OrderFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

NOW = datetime(2028, 2, 28, 17, 30, tzinfo=UTC)  # a leap year's eve of 29 February

TYPES = {
    "Profile.Text": "Text",
    "Profile.Size": "RadioButton",
    "Profile.Points": "Numeric",
    "Profile.Born": "Date",
    "Profile.Vip": "CheckBox",
}
TEXTS = ["US", " us ", "Germany", "ger", "", "  ", "many", "42", "ÄPFEL", "äpfel", "50%", "a'b\\c"]
NUMBERS = [0, 1, 42, -3, 2.5, 100, 1e15]
DATES = ["2028-02-28", "2028-02-29", "2027-02-28", "2024-02-29", "2000-12-31", "2028-03-02",
         "2028-02-21", "1999-03-01"]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    # Texts of a profile are trimmed when they are written.
    "Profile.Text": [*(text.strip() for text in TEXTS), None, 7, True],
    "Profile.Size": ["S", "m", "XL", "", None],
    "Profile.Points": [*NUMBERS, "42", " 2.5 ", "many", "1e400", "1e99", "--1", "", None, True, ".",
                       "0x10", "NaN", "٣"],
    "Profile.Born": [*DATES, "2027-02-29", "1900-02-29", "0000-01-01", "2028-13-01", "soon", "",
                     None, 20280228, "2028-02-28T00:00:00"],
    "Profile.Vip": ["on", "off", "ON", "", None],
}  # fmt: skip
METHODS = ["Popup", "Checkout", ""]
STATUSES = ["Completed", "Canceled", "Returned", "Shipped"]
SKUS = ["SHOE-1", "shoe-1", "BOOT-2", "SOCK-3"]
PRODUCTS = {"SHOE-1": ("Shoes", "Acme"), "BOOT-2": ("Shoes", "Globex"), "SOCK-3": ("", "Acme")}
EVENTS = ["Order Imported", "Cart"]
PROPERTIES: list[dict[str, Any]] = [{}, {"color": "red", "size": 42}, {"color": " Blue\t", "size": "42"}, {"color": None},
              {"size": [1], "on": "2028-02-28"}]  # fmt: skip
MOMENTS = [timedelta(0), timedelta(days=7), timedelta(days=7, microseconds=1), timedelta(hours=3),
           timedelta(days=60), timedelta(days=400), timedelta(hours=-1)]  # fmt: skip


def _number_operators() -> Any:
    numbers = st.sampled_from([0, 1, 2, 42, 2.5, 100, 33.33])
    single = st.sampled_from(["is", "at_least", "at_most", "more_than", "less_than"])
    return st.builds(lambda name, value: {name: value}, single, numbers) | st.builds(
        lambda low, high: {"between": [low, high]}, numbers, numbers
    )


def _with_empty(operators: Any) -> Any:
    return st.one_of(
        operators,
        st.builds(lambda a, b: {**a, **b}, operators, operators),
        st.booleans().map(lambda value: {"empty": value}),
    )


def _text_operators(values: list[str]) -> Any:
    one = st.sampled_from(values)
    solid = st.sampled_from([value for value in values if value.strip()])
    return st.one_of(
        st.builds(lambda n, v: {n: v}, st.sampled_from(["is", "is_not"]), one),
        st.builds(
            lambda n, v: {n: v},
            st.sampled_from(["in", "not_in"]),
            st.lists(one, min_size=1, max_size=3),
        ),
        st.builds(
            lambda n, v: {n: v},
            st.sampled_from(["contains", "not_contains", "starts_with", "ends_with"]),
            solid,
        ),
    )


def _date_operators() -> Any:
    days = st.sampled_from(DATES)
    spans = st.sampled_from(["P1D", "P3D", "P7D", "P1M", "P1Y", "P2Y"])
    return st.one_of(
        st.builds(lambda n, v: {n: v}, st.sampled_from(["on", "before", "after"]), days),
        st.builds(lambda a, b: {"between": [a, b]}, days, days),
        st.builds(
            lambda n, v: {n: v}, st.sampled_from(["in_last", "in_next", "anniversary_in"]), spans
        ),
        st.sampled_from([1, 28, 29, 31]).map(lambda v: {"day": v}),
        st.sampled_from([1, 2, 12]).map(lambda v: {"month": v}),
        st.sampled_from(["mon", "sat", "sun"]).map(lambda v: {"weekday": v}),
    )


WINDOWS = st.sampled_from(
    [{}, {"within": "P7D"}, {"within": "P60D"}, {"within": "PT3H"}, {"since": "2028-02-21T12:30:00"},
     {"since": "2027-12-01T00:00:00+02:00"}]
)  # fmt: skip
ITEM_VALUES = st.sampled_from(["shoe-1", "Shoes", "acme", ["boot-2", "SOCK-3"], ["shoes"], "none"])


def _fields() -> Any:
    size = st.sampled_from(["is", "is_not"]).flatmap(
        lambda name: st.sampled_from(["s", "M", ""]).map(lambda value: {name: value})
    )
    operators = {
        "Profile.Text": _text_operators(TEXTS),
        "Profile.Size": size,
        "Profile.Points": _number_operators(),
        "Profile.Born": _date_operators(),
        "Profile.Vip": st.booleans().map(lambda value: {"checked": value}),
    }
    return st.one_of(
        [
            _with_empty(drawn).map(lambda found, name=name: {"field": name, **found})
            for name, drawn in operators.items()
        ]
    )


def _contacts() -> Any:
    return st.one_of(
        _text_operators(["Grace", "gr", "", "ada"]).map(
            lambda found: {"contact": "first_name", **found}
        ),
        _with_empty(_date_operators()).map(lambda found: {"contact": "birthday", **found}),
    )


def _subscriptions() -> Any:
    parts = st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(
                ["Subscribed", "Unsubscribed", ["Pending", "Subscribed"], "Pending"]
            ),
            "within": st.sampled_from(["P7D", "P60D"]),
            "method": st.sampled_from(["popup", ["Checkout", "POPUP"], "x"]),
        },
    )
    return parts.filter(bool).map(lambda config: {"subscription": config})


def _purchases() -> Any:
    number = _with_empty(_number_operators())
    date_ = _with_empty(_date_operators())
    parts = st.fixed_dictionaries(
        {},
        optional={
            "status": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=2),
            "count": number,
            "total": number,
            "average": number,
            "largest": number,
            "smallest": number,
            "first": date_,
            "last": date_,
            "sku": ITEM_VALUES,
            "category": ITEM_VALUES,
            "brand": ITEM_VALUES,
        },
    )
    few = parts.map(lambda config: dict(list(config.items())[:3]))
    return st.builds(lambda window, rest: {"purchase": {**window, **rest}}, WINDOWS, few)


def _property() -> Any:
    return st.one_of(
        _text_operators(["red", "blue", "42"]).map(lambda found: {"name": "color", **found}),
        _number_operators().map(lambda found: {"name": "size", **found}),
        _date_operators().map(lambda found: {"name": "on", **found}),
        st.booleans().map(lambda value: {"name": "color", "empty": value}),
    )


def _events() -> Any:
    parts = st.fixed_dictionaries(
        {"name": st.sampled_from(EVENTS)},
        optional={
            "count": _number_operators(),
            "where": _property() | st.lists(_property(), min_size=1, max_size=2),
        },
    )
    return st.builds(lambda window, rest: {"event": {**window, **rest}}, WINDOWS, parts)


def _entries() -> Any:
    parts = st.fixed_dictionaries(
        {},
        optional={
            "event": st.sampled_from(EVENTS) | st.just(EVENTS),
            "thread": st.sampled_from(["winback", "Thanks"]),
            "method": st.sampled_from(["popup", ["Checkout"]]),
            "property": _property(),
        },
    )
    return parts.filter(bool).map(lambda config: {"entry": config})


def leaves() -> Any:
    return st.one_of(_fields(), _contacts(), _subscriptions(), _purchases(), _events(), _entries())


def rules() -> Any:
    return st.recursive(
        leaves(),
        lambda inner: st.one_of(
            inner.map(lambda rule: {"not": rule}),
            st.lists(inner, max_size=3).map(lambda rules: {"all": rules}),
            st.lists(inner, max_size=3).map(lambda rules: {"any": rules}),
        ),
        max_leaves=6,
    )


class Population:
    """People of one list, in the database and as the oracle reads them."""

    def __init__(self, list_: List, seed: int, size: int) -> None:
        self.list = list_
        self.chance = random.Random(seed)
        group = ProfileFieldGroupFactory(list=list_, name="Profile")
        self.fields = {
            name: ProfileFieldFactory(group=group, name=name.split(".")[1], data_type=data_type)
            for name, data_type in TYPES.items()
        }
        self.events = {name: ExternalEventFactory(list=list_, name=name) for name in EVENTS}
        for sku, (category, brand) in PRODUCTS.items():
            Product.objects.create(sku=sku, category=category, brand=brand, updated_at=NOW)
        self.people: dict[int, Person] = {}
        for _ in range(size):
            self.add()

    def field(self, name: str) -> Any:
        return self.fields.get(name)

    def event(self, name: str) -> Any:
        return self.events.get(name)

    def moment(self) -> datetime:
        return NOW - self.chance.choice(MOMENTS)

    def add(self) -> None:
        pick = self.chance.choice
        profile = {
            name: pick(values) for name, values in VALUES.items() if self.chance.random() < 0.8
        }
        contact = ContactFactory(
            first_name=pick(["Grace", "ada ", "", "Graham"]),
            birthday=pick([None, *map(date.fromisoformat, DATES)]),
        )
        state = pick(["Subscribed", "Subscribed", "Unsubscribed", "Pending"])
        row = {
            "state": state,
            "subscribed_at": pick([None, self.moment()]),
            "resubscribed_at": pick([None, self.moment()]),
            "unsubscribed_at": self.moment() if state == "Unsubscribed" else None,
            "subscribe_method": pick(METHODS),
            "unsubscribe_method": pick(METHODS),
            "created_at": self.moment(),
        }
        subscription = SubscriptionFactory(
            list=self.list,
            contact=contact,
            profile={str(self.fields[name].pk): value for name, value in profile.items()},
            **row,
        )
        entry = pick([None, {
            "event": pick(EVENTS), "thread": pick(["Winback", "Thanks"]),
            "method": pick(METHODS), "properties": pick(PROPERTIES),
        }])  # fmt: skip
        self.people[subscription.pk] = Person(
            contact={name: getattr(contact, name) for name in ("first_name", "birthday")},
            subscription=row,
            profile=profile,
            orders=[self.order(contact) for _ in range(pick([0, 0, 1, 2, 3]))],
            events=[self.happen(contact) for _ in range(pick([0, 0, 1, 2]))],
            entry=entry,
        )

    def order(self, contact: Any) -> Bought:
        ordered_at = self.moment()
        recorded_at = NOW + timedelta(hours=self.chance.choice([-1, -1, -1, 1]))
        total = Decimal(self.chance.choice(["0", "33.33", "33.34", "100", "2.50"]))
        status = self.chance.choice(["Completed", *STATUSES])
        order = OrderFactory(
            contact=contact, ordered_at=ordered_at, recorded_at=recorded_at, total=total,
            status=status,
        )  # fmt: skip
        skus = self.chance.sample(SKUS, self.chance.choice([0, 1, 2]))
        for position, sku in enumerate(skus):
            OrderItem.objects.create(order=order, position=position, sku=sku)
        items = [(sku, *PRODUCTS.get(sku, ("", ""))) for sku in skus]
        return Bought(status, ordered_at, recorded_at, total, items)

    def happen(self, contact: Any) -> Happened:
        name, properties = self.chance.choice(EVENTS), self.chance.choice(PROPERTIES)
        occurred_at = self.moment()
        recorded_at = NOW + timedelta(hours=self.chance.choice([-1, -1, 1]))
        Event.objects.create(
            list_id=self.list.pk, contact_id=contact.pk, external_event_id=self.events[name].pk,
            occurred_at=occurred_at, recorded_at=recorded_at, source="api", properties=properties,
        )  # fmt: skip
        return Happened(name, occurred_at, recorded_at, properties)
