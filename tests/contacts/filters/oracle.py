"""
A plain Python reading of rules, contact by contact, straight from the file format's page.

It shares nothing with the compiler but the twins of time arithmetic, which have a property
test of their own.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from contacts.durations import add_duration, add_months, local_instant, parse_duration

SPACES = " \t\n\r\f\v"
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass
class Bought:
    """One order with its items as (sku, category, brand)."""

    status: str
    ordered_at: datetime
    recorded_at: datetime
    total: Decimal
    items: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Happened:
    """One external event."""

    name: str
    occurred_at: datetime
    recorded_at: datetime
    properties: dict[str, Any]


@dataclass
class Person:
    """A contact, its subscription (columns by name), its profile by `Group.Field`, its facts."""

    contact: dict[str, Any]
    subscription: dict[str, Any]
    profile: dict[str, Any]
    orders: list[Bought]
    events: list[Happened]
    entry: dict[str, Any] | None = None


def holds(rule: dict[str, Any], person: Person, types: dict[str, str], now: datetime, zone: str):
    """Whether a rule holds; `types` are the fields' data types by name."""
    reading = Reading(person, types, now, ZoneInfo(zone))
    return reading.rule(rule)


class Reading:
    def __init__(self, person, types, now, zone):
        self.person, self.types, self.now, self.zone = person, types, now, zone
        self.today = now.astimezone(zone).date()

    def rule(self, rule):
        if "all" in rule:
            return all(self.rule(inner) for inner in rule["all"])
        if "any" in rule:
            return any(self.rule(inner) for inner in rule["any"])
        if "not" in rule:
            return not self.rule(rule["not"])
        if "field" in rule:
            return self.field(rule)
        if "contact" in rule:
            return self.contact(rule)
        kind = next(iter(rule))
        return getattr(self, kind)(rule[kind])

    # --- values

    def field(self, rule):
        value = self.person.profile.get(rule["field"])
        operators = {key: item for key, item in rule.items() if key != "field"}
        return self.value(value, operators, self.types[rule["field"]])

    def contact(self, rule):
        name = rule["contact"]
        column = {"email": "email_norm", "phone": "phone_e164"}.get(name, name)
        operators = {key: item for key, item in rule.items() if key != "contact"}
        kind = "Date" if name == "birthday" else "Text"
        return self.value(self.person.contact[column], operators, kind)

    def value(self, value, operators, data_type):
        read = {"Numeric": as_number, "Date": as_date}.get(data_type, as_text)
        known = read(value)
        return all(self.operator(name, arg, known, data_type) for name, arg in operators.items())

    def operator(self, name, arg, value, data_type):
        if name == "empty":
            return (value is None) == arg
        if name in ("is_not", "not_in"):
            args = arg if isinstance(arg, list) else [arg]
            return value is None or value not in [as_text(item) for item in args]
        if name == "not_contains":
            return value is None or as_text(arg) not in value
        if name == "checked":
            return (value == "on") == arg
        if value is None:
            return False
        if data_type == "Numeric":
            return compare(name, arg, value)
        if data_type == "Date":
            return self.date(name, arg, value)
        return {
            "is": lambda: value == as_text(arg),
            "in": lambda: value in [as_text(item) for item in arg],
            "contains": lambda: as_text(arg) in value,
            "starts_with": lambda: value.startswith(as_text(arg)),
            "ends_with": lambda: value.endswith(as_text(arg)),
        }[name]()

    def date(self, name, arg, value):
        if name == "between":
            return date.fromisoformat(arg[0]) <= value <= date.fromisoformat(arg[1])
        if name == "in_last":
            return self.shifted(arg, -1) <= value <= self.today
        if name == "in_next":
            return self.today <= value <= self.shifted(arg, 1)
        if name == "anniversary_in":
            day = self.today
            while not is_anniversary(value, day):
                day += timedelta(days=1)
            return day <= self.shifted(arg, 1)
        return {
            "on": lambda: value == date.fromisoformat(arg),
            "before": lambda: value < date.fromisoformat(arg),
            "after": lambda: value >= date.fromisoformat(arg),
            "day": lambda: value.day == arg,
            "month": lambda: value.month == arg,
            "weekday": lambda: WEEKDAYS[value.weekday()] == arg,
        }[name]()

    def shifted(self, text, sign):
        duration = parse_duration(text)
        wall = datetime.combine(self.today, datetime.min.time())
        moved = add_months(wall, sign * duration.months) + timedelta(days=sign * duration.days)
        return moved.date()

    # --- facts

    def subscription(self, config):
        row = self.person.subscription
        states = config.get("state", [row["state"]])
        if row["state"] not in (states if isinstance(states, list) else [states]):
            return False
        if row["state"] == "Unsubscribed":
            began, method = row["unsubscribed_at"], row["unsubscribe_method"]
        elif row["state"] == "Pending":
            began, method = row["created_at"], row["subscribe_method"]
        else:
            dates = [row["subscribed_at"], row["resubscribed_at"]]
            began, method = max((d for d in dates if d), default=None), row["subscribe_method"]
        if "within" in config and not (began and self.start(config) <= began <= self.now):
            return False
        methods = config.get("method", method)
        methods = methods if isinstance(methods, list) else [methods]
        return "method" not in config or (
            as_text(method) is not None and as_text(method) in [as_text(one) for one in methods]
        )

    def start(self, config):
        if "within" in config:
            return add_duration(self.now, -parse_duration(config["within"]), self.zone)
        since = datetime.fromisoformat(config["since"])
        return since if since.tzinfo else local_instant(since, self.zone)

    def in_window(self, config, at, recorded):
        if at > self.now or recorded > self.now:
            return False
        return not ({"within", "since"} & set(config)) or at >= self.start(config)

    def purchase(self, config):
        orders = [order for order in self.person.orders if self.order_counts(config, order)]
        totals = [order.total for order in orders]
        numbers = {
            "count": Decimal(len(orders)),
            "total": sum(totals, Decimal(0)),
            "average": sum(totals) / len(totals) if totals else None,
            "largest": max(totals, default=None),
            "smallest": min(totals, default=None),
        }
        asked = {key: config[key] for key in numbers if key in config}
        ends = {"first": min, "last": max}
        if not asked and not set(ends) & set(config):
            asked = {"count": {"at_least": 1}}
        for key, operators in asked.items():
            for name, arg in operators.items():
                if not compare(name, arg, numbers[key]):
                    return False
        for key, pick in ends.items():
            if key in config:
                moment = pick((order.ordered_at for order in orders), default=None)
                local = moment and moment.astimezone(self.zone).date()
                if not all(self.operator(n, a, local, "Date") for n, a in config[key].items()):
                    return False
        return True

    def order_counts(self, config, order):
        if "status" in config:
            if order.status not in config["status"]:
                return False
        elif order.status in ("Canceled", "Returned"):
            return False
        if not self.in_window(config, order.ordered_at, order.recorded_at):
            return False
        wanted = [(i, config[key]) for i, key in enumerate(("sku", "category", "brand"))
                  if key in config]  # fmt: skip
        return not wanted or any(
            all(
                as_text(item[i]) is not None
                and as_text(item[i]) in [as_text(v) for v in (w if isinstance(w, list) else [w])]
                for i, w in wanted
            )
            for item in order.items
        )

    def event(self, config):
        where = config.get("where", [])
        where = where if isinstance(where, list) else [where]
        happened = [
            one
            for one in self.person.events
            if one.name == config["name"]
            and self.in_window(config, one.occurred_at, one.recorded_at)
            and all(self.property(asked, one.properties) for asked in where)
        ]
        operators = config.get("count", {"at_least": 1})
        return all(compare(name, arg, Decimal(len(happened))) for name, arg in operators.items())

    def property(self, asked, properties):
        operators = {key: item for key, item in asked.items() if key != "name"}
        return self.value(properties.get(asked["name"]), operators, kind_of(operators))

    def entry(self, config):
        entry = self.person.entry
        if entry is None:
            return False
        for key in ("event", "thread", "method"):
            if key in config:
                wanted = config[key] if isinstance(config[key], list) else [config[key]]
                if as_text(entry[key]) is None or as_text(entry[key]) not in map(as_text, wanted):
                    return False
        asked = config.get("property", [])
        asked = asked if isinstance(asked, list) else [asked]
        return all(self.property(one, entry["properties"]) for one in asked)


def kind_of(operators):
    """The data type that operators on an undeclared value speak of."""
    for name, arg in operators.items():
        sample = arg[0] if isinstance(arg, list) else arg
        if name in ("at_least", "at_most", "more_than", "less_than"):
            return "Numeric"
        if name in ("is", "between") and not isinstance(sample, str):
            return "Numeric"
        if name in ("on", "before", "after", "in_last", "in_next", "between", "weekday"):
            return "Date"
        if name in ("anniversary_in", "day", "month"):
            return "Date"
    return "Text"


def as_text(value):
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip(SPACES).lower() or None


def as_number(value):
    text = as_text(value)
    if text is None or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", text, re.ASCII):
        return None
    return float(text)


def as_date(value):
    if isinstance(value, date):
        return value
    text = "" if value is None else str(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def compare(name, arg, value):
    if name == "empty":
        return (value is None) == arg
    if value is None:
        return False
    if isinstance(value, Decimal):
        arg = [Decimal(str(one)) for one in arg] if isinstance(arg, list) else Decimal(str(arg))
    return {
        "is": lambda: value == arg,
        "at_least": lambda: value >= arg,
        "at_most": lambda: value <= arg,
        "more_than": lambda: value > arg,
        "less_than": lambda: value < arg,
        "between": lambda: arg[0] <= value <= arg[1],
    }[name]()


def is_anniversary(born, day):
    if (born.month, born.day) == (2, 29):
        leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
        return (day.month, day.day) == (2, 29 if leap else 28)
    return (born.month, born.day) == (day.month, day.day)
