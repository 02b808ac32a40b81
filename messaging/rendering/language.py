"""What a template may say: filters, limits, and what is refused when it is saved."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import minijinja

from messaging.rendering.tags import tags

FUEL = 100_000  # instructions of one part; a large newsletter takes a few thousand
MOST_OUTPUT = 1_000_000  # characters of one part
MOST_AMOUNT = Decimal("1e15")
COUPON = {"code", "pool"}
LONG_DATE = "%B %-d, %Y"
CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CAD": "CA$", "AUD": "A$"}

# Only a fault that comes of a missing value may vanish with another contact's data.
CURABLE = "undefined"
FAULT = re.compile(r"(?P<text>.*) \(in (?:html|text):[0-9a-f]+:(?P<line>\d+)\)", re.DOTALL)
KINDS = ("invalid operation: ", "syntax error: ", "unknown method: ", "unknown filter: ")
ENDLESS = "engine ran out of fuel"

STRINGS = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
METHOD = re.compile(r"(\w+|[\])])\s*\.\s*([A-Za-z_]\w*)\s*\(")
CALLED_VALUE = re.compile(r"\]\s*\(")
DUNDER = re.compile(r"__\w+")
FILTER = re.compile(r"\|\s*([A-Za-z_]\w*)")
OTHER_TEMPLATE = re.compile(r"^[-+]?\s*(include|import|from|extends)\b")
LOOP_HELPERS = {("loop", "cycle"), ("loop", "changed")}


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """A template that may not be used: why, and in which line (0: not known)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def literals(context: dict[str, Any]) -> str:
    """
    Return the values of a context as statements of the template language.

    A Python dictionary would bring its methods along, and with them a way out of the
    template; a value written down as text is MiniJinja's own and has none.
    """
    return "".join(
        f"{{% set {name} = {json.dumps(value, ensure_ascii=False)} %}}"
        for name, value in context.items()
    )


def environment() -> minijinja.Environment:
    """Return an environment; templates named `html:...` are escaped."""
    made = minijinja.Environment(
        debug=False,
        undefined_behavior="chainable",
        fuel=FUEL,
        pycompat=False,
        keep_trailing_newline=True,
        auto_escape_callback=lambda name: name.startswith("html:"),
        finalizer=shown,
        filters=FILTERS,
    )
    for name in ("debug", "namespace"):
        made.remove_global(name)
    return made


def shown(value: Any) -> Any:
    """
    Return what a value looks like in a message: nothing for none, 20 for 20.0.

    A coupon looks like its code.
    """
    if value is None:
        return ""
    if isinstance(value, Mapping) and set(value) == COUPON:
        return value["code"]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def default(value: Any = None, other: Any = "", *_more: Any) -> Any:
    """Return `other` where a value is missing, none or "" (as Liquid, unlike Jinja)."""
    return other if value is None or value == "" else value


def money(value: Any = None, currency: str = "$") -> str:
    """Write an amount: $1,234.50; `currency` is a sign or a code such as EUR."""
    amount = as_decimal(value)
    if amount is None:
        return "" if value is None else str(value)
    sign = "-" if amount < 0 else ""
    return f"{sign}{CURRENCIES.get(currency, currency)}{abs(amount):,.2f}"


def as_decimal(value: Any) -> Decimal | None:
    """Read a number; None for what is none."""
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    # Compared, not calculated with: the absolute value of 1e9999999 is beyond all arithmetic.
    return amount if amount.is_finite() and -MOST_AMOUNT < amount < MOST_AMOUNT else None


@minijinja.pass_state
def moment(state: Any, value: Any = None, form: str = LONG_DATE, zone: str = "") -> str:
    """
    Write a date or date-time: `{{ now | date("%B %-d") }}`, `| date("%H:%M", "UTC")`.

    `form` is strftime's. A date-time with an offset is shown in `zone`, else the
    contact's, else the account's; what is no date is shown as it is.
    """
    if value is None or value == "":
        return ""
    when = as_moment(value)
    if when is None:
        return str(value)
    if isinstance(when, datetime) and when.tzinfo is not None:
        when = when.astimezone(as_zone(zone or str(state.lookup("time_zone") or "UTC")))
    return when.strftime(str(form)[:100])


def as_moment(value: Any) -> date | datetime | None:
    """Read an ISO date, an ISO date-time, or seconds since 1970."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        text = str(value).strip()
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None


def as_zone(name: str) -> ZoneInfo:
    """Return a zone by its IANA name; UTC where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def size(value: Any = None) -> int:
    """Return how long a text or list is; 0 for what is missing."""
    return 0 if value is None or isinstance(value, int | float) else len(value)


def rounded(value: Any = None, digits: int = 0) -> Any:
    """Round a number; nothing for what is missing."""
    amount = as_decimal(value)
    if amount is None:
        return "" if value is None else value
    return float(round(amount, max(0, min(int(digits), 12))))


FILTERS: dict[str, Callable[..., Any]] = {
    "default": default,
    "d": default,
    "money": money,
    "date": moment,
    "length": size,
    "count": size,
    "round": rounded,
}
BUILT_IN = {
    *("abs", "attr", "batch", "bool", "capitalize", "chain", "dictsort", "e", "escape", "first"),
    *("float", "format", "groupby", "indent", "int", "items", "join", "last", "lines", "list"),
    *("lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "safe", "select"),
    *("selectattr", "slice", "sort", "split", "string", "sum", "title", "tojson", "trim", "unique"),
    *("upper", "urlencode", "zip"),
}


def inspect(source: str) -> None:
    """
    Refuse what compiles but may not be said: methods, other templates, unknown filters.

    Only for a source that MiniJinja has parsed: its tags are known to be closed.
    """
    for line, said, is_statement in tags(source):
        if is_statement and OTHER_TEMPLATE.match(said):
            raise Refused("it takes in another template; messages stand alone", line)
        bare = STRINGS.sub('""', said)
        for owner, name in METHOD.findall(bare):
            if (owner, name) not in LOOP_HELPERS:
                raise Refused(f"it calls a method, .{name}(); use a filter instead", line)
        if CALLED_VALUE.search(bare) or DUNDER.search(said):
            raise Refused("it calls a value as a function", line)
        for name in FILTER.findall(bare):
            if name not in FILTERS and name not in BUILT_IN:
                raise Refused(f"there is no filter named {name}", line)


def explain(fault: Exception) -> Refused:
    """Turn whatever rendering raised into a sentence with its line."""
    if not isinstance(fault, minijinja.TemplateError):
        return Refused(f"a value cannot be used like this ({fault})")
    innermost = str(fault).strip().rpartition("caused by: ")[2]
    found = FAULT.search(innermost)
    text, line = (found["text"], int(found["line"])) if found else (innermost, fault.line or 0)
    if ENDLESS in text:
        return Refused("it does not come to an end", line)
    for kind in KINDS:
        text = text.removeprefix(kind)
    return Refused(text, line)


def is_hopeless(fault: Exception) -> bool:
    """Say whether a fault is the template's own, whoever the contact is."""
    return CURABLE not in str(fault)
