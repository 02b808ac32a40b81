"""What a condition is compiled in: its parameters, its zone, its clock."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from accounts.models import List
from contacts.durations import Duration
from contacts.models import ExternalEvent, ProfileField, Segment


class VanishedError(LookupError):
    """What a compiled rule names is gone; `reason` says it as a marketer reads it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Named(Protocol):
    """A conversation that a rule names: this package knows no more of it."""

    @property
    def conversation_id(self) -> int:
        """Its id."""
        ...


class Names(Protocol):
    """What a list's names mean; None is a name that does not exist on the list."""

    @property
    def list(self) -> List:
        """The list."""
        ...

    def field(self, name: str) -> ProfileField | None:
        """Find a profile field by `Group.Field`."""
        ...

    def event(self, name: str) -> ExternalEvent | None:
        """Find an external event."""
        ...

    def segment(self, name: str) -> Segment | None:
        """Find a segment of the list."""
        ...

    def conversation(self, name: str) -> Named | None:
        """Find a conversation of the list."""
        ...

    def saved_message(self, name: str) -> object | None:
        """Find a saved message of the list."""
        ...

    def has_sms_message(self, name: str) -> bool:
        """Say whether a phone list of the list's short codes has a text message of that name."""
        ...


@dataclass(frozen=True)
class Test:
    """
    A boolean SQL expression.

    Where `nullable`, NULL stands for false: `strict` is never NULL, `sql` is what a
    planner reads best.
    """

    sql: str
    nullable: bool = False

    @property
    def strict(self) -> str:
        """The expression, never NULL."""
        return f"coalesce({self.sql}, false)" if self.nullable else self.sql


@dataclass
class Scope:
    """
    Collects the parameters of a condition.

    `zone` is an SQL expression of the rule's IANA zone; `enrolled` says whether there is
    an alias `enrollment`; `bulk` that the condition runs over a whole list, not over the
    few thousand contacts of a tick; `segments` are the ids of those that the condition is
    compiled within, the outermost first.
    """

    zone: str
    prefix: str
    enrolled: bool = True
    bulk: bool = False
    segments: tuple[int, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    now = "%(now)s::timestamptz"

    def bind(self, value: Any, cast: str) -> str:
        """Make a value a parameter of an SQL type."""
        name = f"{self.prefix}_{len(self.params)}"
        self.params[name] = value
        return f"%({name})s::{cast}"

    def number(self, value: float) -> str:
        """Bind a number of a profile field."""
        return self.bind(float(value), "float8")

    def json_number(self, value: float) -> str:
        """Bind a number as jsonb holds it."""
        return self.bind(json.dumps(value), "jsonb")

    def amount(self, value: float) -> str:
        """Bind an amount of money, a count: exactly as it was written."""
        return self.bind(Decimal(str(value)), "numeric")

    @property
    def today(self) -> str:
        """The local date in the rule's zone."""
        return f"(({self.now}) AT TIME ZONE {self.zone})::date"

    def ago(self, duration: Duration) -> str:
        """Return the moment that lies a duration before now."""
        return (
            f"add_duration({self.now}, {-duration.months:d}, {-duration.days:d}, "
            f"{-duration.seconds!r}::float8, {self.zone})"
        )

    def moment(self, written: str) -> str:
        """Return the moment that a date-time names; without an offset it is local."""
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is None:
            return f"local_instant({self.bind(moment, 'timestamp')}, {self.zone})"
        return self.bind(moment, "timestamptz")


def every(tests: list[Test]) -> Test:
    """All of some tests."""
    return _joined(tests, " AND ", "true")


def either(tests: list[Test]) -> Test:
    """Any of some tests."""
    return _joined(tests, " OR ", "false")


def _joined(tests: list[Test], word: str, empty: str) -> Test:
    if not tests:
        return Test(empty)
    if len(tests) == 1:
        return tests[0]
    # Each part keeps its own strictness, so that a NULL never hides a part that is true.
    joined = word.join(f"({test.sql})" for test in tests)
    return Test(f"({joined})", nullable=any(test.nullable for test in tests))
