"""Somebody at a step, and what may come of it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any

from tests.oracle.conversations import Enrollment, Step


@dataclass
class Leave:
    """Go on by an exit."""

    exit: str


@dataclass
class Stay:
    """Wait here until a time."""

    until: datetime


@dataclass
class Hold:
    """Be held for a reason."""

    reason: str


@dataclass
class End:
    """The enrollment is over, for a reason."""

    reason: str


Outcome = Leave | Stay | Hold | End


@dataclass
class At:
    """Somebody at a step, at an instant; `is_due` when its time there has come."""

    world: Any
    one: Enrollment
    step: Step
    now: datetime
    is_due: bool

    @property
    def config(self) -> Any:
        """Return the step's settings."""
        return self.step.config

    def asks(self, rule: Any) -> bool:
        """Whether a rule holds."""
        return bool(self.world.asks(self.one, rule, self.now))


def draw(one: Enrollment) -> int:
    """Return the draw of this visit: 0 to 9,999."""
    standing = one.person.lists[one.conversation.in_list]
    text = f"{one.conversation.id}:{standing.id}:{one.number}:{one.step}:{one.visit}"
    return int(md5(text.encode()).hexdigest()[:8], 16) % 10_000
