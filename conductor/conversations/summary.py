"""Where a conversation's contacts are, exactly, and how its messages fared."""

from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from django.core.cache import cache

from accounts.tenancy import sql
from conductor.conversations.models import Conversation, Version
from conductor.conversations.standing import shape_of, standing

# What a glance costs is paid once in so many of its times, and by nobody where it is nothing.
RARELY = 100
NOTHING = 0.02


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

    Held enrollments count as waiting; steps stand in the newest version's order, then those
    that only older versions have. Messages are counted right after; where that takes long, a
    page shows what was counted at `counted_at`.
    """

    entered: int
    waiting: int
    steps: list[StepCounts]
    deliveries: list[DeliveryCount]
    counted_at: datetime | None = None

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

    A count of messages that takes a moment is kept for a hundred such moments.
    """
    key = f"conversation:{conversation.pk}:deliveries"
    kept: tuple[datetime, list[DeliveryCount]] | None = cache.get(key)
    if kept is not None:
        return _summary(conversation, None, kept[1], counted_at=kept[0])
    began = perf_counter()
    deliveries = count_deliveries(conversation)
    took = perf_counter() - began
    if took > NOTHING:
        cache.set(key, (now, deliveries), timeout=max(1, round(took * RARELY)))
    return _summary(conversation, None, deliveries)


def count_deliveries(
    conversation: Conversation, version: Version | None = None
) -> list[DeliveryCount]:
    """Count the messages of a conversation that are no tests, by step, state and reason."""
    rows = sql.fetch_dicts(
        sql.statement("conductor.conversations", "deliveries"),
        conversation_id=conversation.pk,
        version_id=None if version is None else version.pk,
    )
    return [
        DeliveryCount(
            row["thread"],
            row["step_key"],
            row["channel"],
            row["state"],
            row["reason"],
            row["total"],
        )
        for row in rows
    ]


def _summary(
    conversation: Conversation,
    version: Version | None,
    deliveries: list[DeliveryCount],
    counted_at: datetime | None = None,
) -> Summary:
    now = standing(conversation.pk, version_id=None if version is None else version.pk)
    # Read after the counts: a version that has visits was there before them.
    threads = _threads(conversation, version)
    return Summary(
        entered=now.entered,
        waiting=now.inside,
        steps=[
            _step(thread, key, now.waiting.get(key, 0), now.exits.get(key, {}))
            for key, thread in threads.items()
        ],
        deliveries=deliveries,
        counted_at=counted_at,
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
