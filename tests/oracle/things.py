"""What there is beside people and conversations: events, receipts, segments, codes, calls."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.contacts.filters.oracle import Happened
from tests.oracle.conversations import Enrollment


@dataclass
class ListEvent(Happened):
    """An external event of a list."""

    in_list: str = ""


@dataclass
class Receipt:
    """What became of a delivery: sent, opened, clicked ..."""

    did: str
    channel: str
    in_list: str
    conversation: str
    step: str
    occurred_at: datetime
    recorded_at: datetime
    detail: dict[str, Any]
    # Which delivery it is about.
    delivery: int


@dataclass
class Segment:
    """A segment: by a rule, or kept by hand (`rule` None)."""

    name: str
    in_list: str
    rule: dict[str, Any] | None = None
    members: set[str] = field(default_factory=set)
    # Whether conversations start by it: then `members` are as they were last asked.
    is_tracked: bool = False


@dataclass
class Pool:
    """Coupon codes: how many are left until when, or one for all between two days."""

    free: int = 0
    expires: date | None = None
    cutoff_days: int = 0
    fallback: str = ""
    lasts: tuple[date, date] | None = None
    # How many were handed out, and how many asked in vain, in this tick.
    given: int = 0
    missed: int = 0


@dataclass
class Call:
    """What another system is asked, and what it said."""

    one: Enrollment
    step: str
    visit: int
    next_at: datetime
    statuses: list[int]
    attempts: int = 0
    outcome: int | None = None
