"""What the engine noted for the marketer: why contacts are held, and what it only counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conductor.conversations.models import Conversation, Tally

# A fault that no step has words of its own for stands as `step_error` and the database's code.
FAULT = "step_error "
FAULTS: Mapping[str, str] = {
    "22P02": "a value cannot be read as what is needed here",
    "22001": "a text is too long for its place",
    "22003": "a number is too large or too small",
    "22007": "a date or time cannot be read",
    "22008": "a date or time is out of range",
    "22012": "a number is divided by zero",
}
# What the engine calls by one word.
WORDS: Mapping[str, str] = {
    "loop": "they came by here a hundred times at one moment: the steps go round in a circle",
    "tick failed": "each attempt to run this step for them broke off",
    "no way out": "the step has no way out for them",
}

COUNTED: Mapping[str, str] = {
    "zone fallback": "a contact has no valid time zone: the account's stood in",
    "date missed": "a yearly date was come upon on a later day, and passed over",
}


@dataclass(frozen=True)
class Remark:
    """Something counted at a step ("" = the whole conversation), and when it last was."""

    step_key: str
    text: str
    count: int
    last_at: datetime


def remarks(conversation: Conversation) -> list[Remark]:
    """Return what was only counted, in words: why calls and scripts failed, zones that fell back."""
    rows = Tally.objects.filter(conversation=conversation).order_by("step_key", "name")
    return [
        Remark(row.step_key, COUNTED.get(row.name, row.name), row.total, row.last_at)
        for row in rows
    ]


def held_sentence(reason: str) -> str:
    """Say in words why a contact is held; a code without words stays as it is."""
    if not reason.startswith(FAULT):
        return WORDS.get(reason, reason)
    told = reason.removeprefix(FAULT)
    words = FAULTS.get(told)
    return f"{words} ({told})" if words else told
