"""Where a conversation's contacts are, exactly, and how its messages fared."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.tenancy import counts, sql
from conductor.conversations.models import Conversation, Version
from conductor.conversations.standing import shape_of, standing

ARE_FEW = """
SELECT count(*) <= %(few)s
FROM (
    SELECT FROM messaging_delivery AS delivery
    WHERE delivery.conversation_id = %(conversation_id)s
    LIMIT %(few)s + 1
) AS first
"""


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
    A conversation's numbers: entered = waiting + ended, whatever moves meanwhile.

    `converted` are those of the ended who reached the goal: the conversation's, or a goal step.
    Held enrollments count as waiting; steps stand in the newest version's order, then those
    that only older versions have. Messages are counted right after; where there are many, a
    page shows what was counted at `counted_at`, or none before they were counted first.
    """

    entered: int
    waiting: int
    steps: list[StepCounts]
    deliveries: list[DeliveryCount]
    counted_at: datetime | None = None
    is_counting: bool = False
    converted: int = 0

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.entered - self.waiting

    @property
    def by_step(self) -> dict[str, StepCounts]:
        """The steps by key."""
        return {step.step_key: step for step in self.steps}


def summarize(*, conversation: Conversation, version: Version | None = None) -> Summary:
    """Count a conversation's contacts and deliveries, over all versions or in one."""
    return _summary(conversation, version, count_deliveries(conversation, version))


def glance(*, conversation: Conversation, now: datetime) -> Summary:
    """
    Return a conversation's numbers for a page: at once, however many messages there are.

    Many messages are counted beside the page.
    """
    few = sql.fetch_value(ARE_FEW, conversation_id=conversation.pk, few=counts.FEW)
    if few:
        return _summary(conversation, None, count_deliveries(conversation))
    kept = counts.latest("messages", conversation.pk, now=now)
    if kept is None:
        return replace(_summary(conversation, None, []), is_counting=True)
    deliveries = [DeliveryCount(**row) for row in kept.value]
    return replace(_summary(conversation, None, deliveries), counted_at=kept.counted_at)


def count_again(conversation_id: int, *, now: datetime) -> list[dict[str, Any]]:
    """Count the messages of a conversation, to be kept for its pages."""
    return _count(conversation_id, None)


def count_deliveries(
    conversation: Conversation, version: Version | None = None
) -> list[DeliveryCount]:
    """Count the messages of a conversation that are no tests, by step, state and reason."""
    rows = _count(conversation.pk, None if version is None else version.pk)
    return [DeliveryCount(**row) for row in rows]


def _count(conversation_id: int, version_id: int | None) -> list[dict[str, Any]]:
    return sql.fetch_dicts(
        sql.statement("conductor.conversations", "deliveries"),
        conversation_id=conversation_id,
        version_id=version_id,
    )


def _summary(
    conversation: Conversation,
    version: Version | None,
    deliveries: list[DeliveryCount],
) -> Summary:
    now = standing(conversation.pk, version_id=None if version is None else version.pk)
    # Read after the counts: a version that has visits was there before them.
    threads = _threads(conversation, version)
    return Summary(
        entered=now.entered,
        waiting=now.inside,
        converted=now.converted,
        steps=[
            _step(thread, key, now.waiting.get(key, 0), now.exits.get(key, {}))
            for key, thread in threads.items()
        ],
        deliveries=deliveries,
    )


def _step(thread: str, key: str, waiting: int, exits: dict[str, int]) -> StepCounts:
    return StepCounts(thread, key, waiting + sum(exits.values()), waiting, exits)


def _threads(conversation: Conversation, version: Version | None) -> dict[str, str]:
    """Return the thread of every step of the versions, newest first, by step key."""
    versions = Version.objects.filter(conversation=conversation).order_by("-number")
    if version is not None:
        versions = versions.filter(pk=version.pk)
    found: dict[str, str] = {}
    for pk in versions.values_list("pk", flat=True):
        for key, thread in shape_of(pk).threads.items():
            found.setdefault(key, thread)
    return found
