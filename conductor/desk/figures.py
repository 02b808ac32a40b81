"""Numbers of the home page, which asks whether everything goes out and works."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Heartbeat, List
from accounts.tenancy import counts, sql
from conductor.conversations.actions.status import status
from conductor.conversations.models import Conversation
from conductor.conversations.standing import Standing, standings
from conductor.heartbeat import SILENT_SECONDS
from messaging.models import Provider
from messaging.providers import carriers
from messaging.sending.carriage import waits

DAY = timedelta(days=1)

# Tests are left out: they are in no statistics.
LATELY = """
SELECT
    count(*) FILTER (WHERE state = 'sent' AND sent_at > %(since)s AND channel = 'email'),
    count(*) FILTER (WHERE state = 'sent' AND sent_at > %(since)s AND channel = 'sms'),
    count(*) FILTER (WHERE state IN ('queued', 'sending', 'deferred')),
    count(*) FILTER (WHERE state IN ('failed', 'unknown') AND queued_at > %(since)s),
    count(*) FILTER (WHERE state = 'skipped' AND queued_at > %(since)s)
FROM messaging_delivery
WHERE list_id = %(list_id)s AND NOT is_test
"""
SUBSCRIPTIONS = """
SELECT
    count(*) FILTER (WHERE state = 'Subscribed'),
    count(*) FILTER (WHERE state = 'Subscribed' AND subscribed_at > %(since)s)
FROM contacts_subscription
WHERE list_id = %(list_id)s
"""
ENTERED = """
SELECT conversation_id, count(*)
FROM conversations_enrollment
WHERE list_id = %(list_id)s AND entered_at > %(since)s
GROUP BY conversation_id
"""
SENT = """
SELECT conversation_id, count(*)
FROM messaging_delivery
WHERE list_id = %(list_id)s AND state = 'sent' AND NOT is_test AND conversation_id IS NOT NULL
GROUP BY conversation_id
"""
ARE_FEW = """
SELECT
    (
        SELECT count(*) <= %(few)s
        FROM (
            SELECT FROM messaging_delivery WHERE list_id = %(list_id)s LIMIT %(few)s + 1
        ) AS deliveries
    )
    AND (
        SELECT count(*) <= %(few)s
        FROM (
            SELECT FROM contacts_subscription WHERE list_id = %(list_id)s LIMIT %(few)s + 1
        ) AS subscriptions
    )
"""
# Both along an index of those inside, however many they are.
HELD = """
SELECT conversation_id, count(*)
FROM conversations_enrollment
WHERE
    conversation_id = any(%(ids)s::bigint[]) AND ended_at IS NULL AND held_reason <> ''
GROUP BY conversation_id
"""
NEXT_DUE = """
SELECT min(soonest.due_at)
FROM unnest(%(ids)s::bigint[]) AS conversation (id)
CROSS JOIN LATERAL (
    SELECT min(enrollment.due_at) AS due_at
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.conversation_id = conversation.id
        AND enrollment.ended_at IS NULL
        AND enrollment.due_at IS NOT NULL
) AS soonest
"""


@dataclass(frozen=True)
class Counted:
    """
    What takes long to count on a long list; `lately` is the last 24 hours.

    `entered_lately` and `sent_ever` are by conversation: {id: how many}.
    """

    emails: int
    texts: int
    under_way: int
    failed: int
    skipped: int
    subscribed: int
    subscribed_lately: int
    entered_lately: dict[int, int]
    sent_ever: dict[int, int]

    @property
    def sent(self) -> int:
        """Messages sent in the last 24 hours."""
        return self.emails + self.texts


@dataclass(frozen=True)
class Moving:
    """A conversation with its live counts; None is what was not counted yet."""

    conversation: Conversation
    now: datetime
    entered: int = 0
    waiting: int = 0
    held: int = 0
    entered_lately: int | None = None
    sent: int | None = None

    @property
    def state(self) -> str:
        """Draft, Active, Edits Pending, Paused or Expired."""
        return status(self.conversation, now=self.now)

    @property
    def ended(self) -> int:
        """Who entered and is no longer inside."""
        return self.entered - self.waiting


@dataclass(frozen=True)
class Stuck:
    """A default sender that takes nothing: why, and when it is tried again; None while paused."""

    channel: str
    name: str
    why: str
    until: datetime | None


@dataclass(frozen=True)
class Figures:
    """
    What the home page says of one list at one moment.

    `counted` is as of now, or as of `counted_at` where there is much to count; None before
    it was counted first.
    """

    counted: Counted | None
    counted_at: datetime | None
    next_due_at: datetime | None
    moving: list[Moving]
    silent: list[str] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """Contacts inside a conversation."""
        return sum(one.waiting for one in self.moving)

    @property
    def held(self) -> int:
        """Contacts held by a fault."""
        return sum(one.held for one in self.moving)


def figures(*, in_list: List, now: datetime) -> Figures:
    """Return the list's figures, however long it is: what takes long is counted beside it."""
    found = list(
        Conversation.objects.filter(list=in_list, rehearsal_of=None)
        .select_related("published")
        .order_by("name", "pk")
    )
    ids = [one.pk for one in found]
    stood = standings(ids)
    counted, counted_at = _counted(in_list, stood.values(), now)
    held: dict[int, int] = dict(sql.fetch_all(HELD, ids=ids))
    return Figures(
        counted=counted,
        counted_at=counted_at,
        next_due_at=sql.fetch_value(NEXT_DUE, ids=ids),
        moving=[
            _moving(one, now, stood.get(one.pk, Standing()), held.get(one.pk, 0), counted)
            for one in found
        ],
        silent=silent_parts(now=now),
        stuck=_stuck(now),
    )


def _stuck(now: datetime) -> list[Stuck]:
    """Return the default senders that are paused, or left alone for a while."""
    senders = Provider.objects.filter(is_default=True).order_by("channel")
    return [
        Stuck(
            channel=one.get_channel_display(),
            name=carriers()[one.kind].label,
            why="" if one.paused_at else one.last_error,
            until=None if one.paused_at else one.throttled_until,
        )
        for one in senders
        if waits(one, now=now)
    ]


def count_again(list_id: int, *, now: datetime) -> dict[str, Any]:
    """Count what takes long, to be kept for the page: the fields of `Counted`."""
    given = {"list_id": list_id, "since": now - DAY}
    emails, texts, under_way, failed, skipped = sql.fetch_one(LATELY, **given) or (0,) * 5
    subscribed, subscribed_lately = sql.fetch_one(SUBSCRIPTIONS, **given) or (0, 0)
    return {
        "emails": emails,
        "texts": texts,
        "under_way": under_way,
        "failed": failed,
        "skipped": skipped,
        "subscribed": subscribed,
        "subscribed_lately": subscribed_lately,
        "entered_lately": dict(sql.fetch_all(ENTERED, **given)),
        "sent_ever": dict(sql.fetch_all(SENT, list_id=list_id)),
    }


def _counted(
    in_list: List, stood: Iterable[Standing], now: datetime
) -> tuple[Counted | None, datetime | None]:
    """Count at once where there is little to count; else return what was counted last, and when."""
    little = sum(one.entered for one in stood) <= counts.FEW and sql.fetch_value(
        ARE_FEW, list_id=in_list.pk, few=counts.FEW
    )
    if little:
        return Counted(**count_again(in_list.pk, now=now)), None
    kept = counts.latest("list", in_list.pk, now=now)
    return (None, None) if kept is None else (Counted(**kept.value), kept.counted_at)


def _moving(
    one: Conversation, now: datetime, stood: Standing, held: int, counted: Counted | None
) -> Moving:
    return Moving(
        conversation=one,
        now=now,
        entered=stood.entered,
        waiting=stood.inside,
        held=held,
        entered_lately=None if counted is None else counted.entered_lately.get(one.pk, 0),
        sent=None if counted is None else counted.sent_ever.get(one.pk, 0),
    )


def silent_parts(*, now: datetime) -> list[str]:
    """Return which of worker and pulse have stopped beating (or never began)."""
    latest = now - timedelta(seconds=SILENT_SECONDS)
    beats = dict(Heartbeat.objects.values_list("part", "beat_at"))
    return [part for part in ("worker", "pulse") if part not in beats or beats[part] < latest]
