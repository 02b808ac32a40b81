"""What reading a rule needs: faults with their paths, and checks of plain values."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from contacts.durations import InvalidDurationError, parse_duration

Fault = tuple[str, str]
T = TypeVar("T")

TEXT_LIMIT = 1000
LIST_LIMIT = 1000


class Malformed(ValueError):  # noqa: N818 - the word of the conversation file
    """A rule that cannot be read; `faults` are (path, sentence), in order."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{path}: {text}" for path, text in faults))
        self.faults = faults


def within(path: str, key: str | int) -> str:
    """Return the path of a key or an index within `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


@dataclass
class Reader:
    """Collects faults while a rule is read; every check returns a usable value."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: str, text: str) -> None:
        """Note what is wrong at a path."""
        self.faults.append((path, text))

    def mapping(self, value: Any, path: str, keys: Iterable[str], noun: str) -> dict[str, Any]:
        """Return a mapping with known keys only; nulls are faults of their own."""
        if not isinstance(value, dict):
            self.fault(path, f"{noun} is a mapping, not {name_of(value)}.")
            return {}
        known = list(keys)
        for key in value:
            if key not in known:
                self.fault(
                    within(path, str(key)), f"{noun} knows no {key!r}: only {', '.join(known)}."
                )
        return {key: value[key] for key in known if key in value}

    def text(self, value: Any, path: str, *, blank: bool = False) -> str:
        """Return a text of at most 1,000 characters."""
        if not isinstance(value, str):
            self.fault(path, f"This is a text, not {name_of(value)}.")
            return ""
        if not blank and not value.strip():
            self.fault(path, "This text is empty.")
        elif len(value) > TEXT_LIMIT:
            self.fault(path, f"This text is longer than {TEXT_LIMIT} characters.")
        elif not is_storable(value):
            self.fault(path, "This text has a character that cannot be stored.")
        return value

    def texts(self, value: Any, path: str) -> str | list[str]:
        """Return a text, or a list of them."""
        if isinstance(value, list):
            return self.several(value, path, self.text)
        return self.text(value, path)

    def several(self, value: Any, path: str, read: Callable[[Any, str], T]) -> list[T]:
        """Return a list of 1 to 1,000 values."""
        if not isinstance(value, list) or not value:
            self.fault(path, "This is a list of at least one value.")
            return []
        if len(value) > LIST_LIMIT:
            self.fault(path, f"This list has more than {LIST_LIMIT} values.")
            return []
        return [read(item, within(path, index)) for index, item in enumerate(value)]

    def scalar(self, value: Any, path: str) -> str | float:
        """Return a text or a number."""
        if isinstance(value, str):
            return self.text(value, path, blank=True)
        return self.number(value, path)

    def number(self, value: Any, path: str) -> float:
        """Return a finite number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(path, f"This is a number, not {name_of(value)}.")
            return 0
        if not math.isfinite(value) or abs(value) > 1e15:
            self.fault(path, "This number is out of range.")
            return 0
        return value

    def whole(self, value: Any, path: str, low: int, high: int) -> int:
        """Return a whole number within a range."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault(path, f"This is a whole number from {low} to {high}.")
            return low
        return value

    def truth(self, value: Any, path: str) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            self.fault(path, f"This is true or false, not {name_of(value)}.")
            return False
        return value

    def choice(self, value: Any, path: str, choices: Iterable[str]) -> str:
        """Return one of the choices."""
        known = list(choices)
        if value not in known:
            self.fault(path, f"This is one of {', '.join(known)}.")
            return known[0]
        return str(value)

    def day(self, value: Any, path: str) -> str:
        """Return a date, `YYYY-MM-DD`."""
        if isinstance(value, str) and len(value) == 10:
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        self.fault(path, f"{value!r} is no date: write it like 2026-11-30.")
        return "2000-01-01"

    def moment(self, value: Any, path: str) -> str:
        """Return a date-time as it was written; without an offset it is local."""
        if isinstance(value, str) and len(value) >= 10:
            try:
                datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                return value
        self.fault(path, f"{value!r} is no date-time: write it like 2026-11-30T09:00:00Z.")
        return "2000-01-01T00:00:00"

    def duration(self, value: Any, path: str, *, calendar: bool = False) -> str:
        """Return a duration in its canonical text; with `calendar`, of days or more."""
        try:
            duration = parse_duration(value)
        except InvalidDurationError as fault:
            self.fault(path, str(fault))
            return "P1D"
        if calendar and duration.seconds:
            self.fault(path, "This duration is in days or more: dates have no hours.")
        return str(duration)


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def name_of(value: Any) -> str:
    """Name a value's kind as the file's author would."""
    if value is None:
        return "nothing"
    names = {bool: "true or false", str: "a text", list: "a list", dict: "a mapping"}
    return names.get(type(value), "a number")
