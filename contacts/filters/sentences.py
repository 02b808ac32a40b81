"""Rules in the marketer's words, for cards and lists."""

from typing import Any

from contacts.durations import parse_duration

# Of each operator: what it says, and what its opposite says.
PHRASES: dict[str, tuple[str, str]] = {
    "is": ("is {}", "is not {}"),
    "is_not": ("is not {}", "is {}"),
    "in": ("is one of {}", "is none of {}"),
    "not_in": ("is none of {}", "is one of {}"),
    "contains": ("contains {}", "does not contain {}"),
    "not_contains": ("does not contain {}", "contains {}"),
    "starts_with": ("starts with {}", "does not start with {}"),
    "ends_with": ("ends with {}", "does not end with {}"),
    "at_least": ("is at least {}", "is not at least {}"),
    "at_most": ("is at most {}", "is not at most {}"),
    "more_than": ("is more than {}", "is not more than {}"),
    "less_than": ("is less than {}", "is not less than {}"),
    "between": ("is between {}", "is not between {}"),
    "on": ("is on {}", "is not on {}"),
    "before": ("is before {}", "is not before {}"),
    "after": ("is on or after {}", "is not on or after {}"),
    "in_last": ("is in the last {}", "is not in the last {}"),
    "in_next": ("is in the next {}", "is not in the next {}"),
    "anniversary_in": (
        "has its anniversary within {}",
        "does not have its anniversary within {}",
    ),
    "day": ("is on day {}", "is not on day {}"),
    "month": ("is in month {}", "is not in month {}"),
    "weekday": ("is on a {}", "is not on a {}"),
}
DURATIONS = {"in_last", "in_next", "anniversary_in"}


def operators_sentence(name: str, operators: dict[str, Any], *, negated: bool = False) -> str:
    """Say what is asked of a value: `Country is US and starts with U`."""
    parts = [_phrase(key, value, negated=negated) for key, value in operators.items()]
    return f"{name} {(' or ' if negated else ' and ').join(parts)}"


def span(config: dict[str, Any]) -> str:
    """Say the window of facts: ` in the last 60 days`, ` since 2026-01-01`, or nothing."""
    if "within" in config:
        return f" in the last {parse_duration(config['within']).sentence()}"
    if "since" in config:
        since = config["since"]
        return f" since {since[:16].replace('T', ' ') if since[:1].isdigit() else since}"
    return ""


def listed(value: Any) -> str:
    """Say one or several values."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def _phrase(key: str, value: Any, *, negated: bool) -> str:
    if key == "empty":
        return "is empty" if value != negated else "is not empty"
    if key == "checked":
        return "is checked" if value != negated else "is not checked"
    words = PHRASES[key][negated]
    if key in DURATIONS:
        return words.format(parse_duration(value).sentence())
    if key == "between":
        return words.format(f"{value[0]} and {value[1]}")
    return words.format(listed(value))
