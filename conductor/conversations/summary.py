"""Where a conversation's contacts are, exactly, and how its messages fared."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from accounts.tenancy import sql
from conductor.conversations.models import Conversation, Version


@dataclass(frozen=True)
class StepCounts:
    """One step: arrivals = waiting + the sum of `exits` ({exit: visits that left by it})."""

    thread: str
    step_key: str
    arrivals: int
    waiting: int
    exits: dict[str, int]


@dataclass(frozen=True)
class DeliveryCount:
    """How many deliveries of a step are in a state, for a reason ("" = none)."""

    thread: str
    step_key: str
    channel: str
    state: str
    reason: str
    count: int


@dataclass(frozen=True)
class Summary:
    """
    A conversation's numbers from one snapshot: entered = waiting + ended.

    Held enrollments count as waiting; steps stand in the newest version's order, then those
    that only older versions have.
    """

    entered: int
    waiting: int
    steps: list[StepCounts]
    deliveries: list[DeliveryCount]

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.entered - self.waiting

    @property
    def by_step(self) -> dict[str, StepCounts]:
        """The steps by key."""
        return {step.step_key: step for step in self.steps}


@dataclass
class _Counted:
    entered: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    exits: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    deliveries: list[DeliveryCount] = field(default_factory=list)


def summarize(*, conversation: Conversation, version: Version | None = None) -> Summary:
    """Count a conversation's contacts and deliveries, over all versions or in one."""
    counted = _Counted()
    rows = sql.fetch_dicts(
        sql.statement("conductor.conversations", "summary"),
        conversation_id=conversation.pk,
        version_id=None if version is None else version.pk,
    )
    for row in rows:
        _count(counted, row)
    # Read after the counts: a version that has visits was there before them.
    threads = _threads(conversation, version)
    return Summary(
        entered=counted.entered,
        waiting=sum(counted.waiting.values()),
        steps=[_step(counted, key, thread) for key, thread in threads.items()],
        deliveries=counted.deliveries,
    )


def _count(counted: _Counted, row: dict[str, Any]) -> None:
    key, total = row["step_key"], row["total"]
    if row["kind"] == "place":
        counted.entered += total
        counted.waiting[key] = row["waiting"]
    elif row["kind"] == "exit":
        counted.exits[key][row["reason"]] = total
    else:
        counted.deliveries.append(
            DeliveryCount(row["thread"], key, row["channel"], row["state"], row["reason"], total)
        )


def _step(counted: _Counted, key: str, thread: str) -> StepCounts:
    waiting, exits = counted.waiting.get(key, 0), counted.exits.get(key, {})
    return StepCounts(thread, key, waiting + sum(exits.values()), waiting, exits)


def _threads(conversation: Conversation, version: Version | None) -> dict[str, str]:
    """Return the thread of every step of the versions, newest first, by step key."""
    versions = Version.objects.filter(conversation=conversation).order_by("-number")
    if version is not None:
        versions = versions.filter(pk=version.pk)
    found: dict[str, str] = {}
    for program in versions.values_list("program__steps", flat=True):
        steps = sorted(program.items(), key=lambda item: item[1]["position"])
        for key, step in steps:
            found.setdefault(key, step["thread"])
    return found
