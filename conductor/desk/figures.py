"""Numbers of the home page, which asks whether everything goes out and works."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.models import Heartbeat, List
from accounts.tenancy import sql
from conductor.conversations.actions.status import status
from conductor.conversations.models import Conversation
from conductor.heartbeat import SILENT_SECONDS

DAY = timedelta(days=1)

# Tests are left out: they are in no statistics. The list's deliveries are read once.
DELIVERIES = """
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
ENROLLMENTS = """
    SELECT
        conversation_id,
        count(*),
        count(*) FILTER (WHERE ended_at IS NULL),
        count(*) FILTER (WHERE ended_at IS NULL AND held_reason <> ''),
        count(*) FILTER (WHERE entered_at > %(since)s),
        min(due_at) FILTER (WHERE ended_at IS NULL)
    FROM conversations_enrollment
    WHERE list_id = %(list_id)s
    GROUP BY conversation_id
"""
SENT = """
    SELECT conversation_id, count(*)
    FROM messaging_delivery
    WHERE list_id = %(list_id)s AND state = 'sent' AND conversation_id IS NOT NULL
    GROUP BY conversation_id
"""


@dataclass(frozen=True)
class Moving:
    """A conversation with its live counts."""

    conversation: Conversation
    now: datetime
    entered: int = 0
    waiting: int = 0
    held: int = 0
    entered_lately: int = 0
    sent: int = 0

    @property
    def state(self) -> str:
        """Draft, Active, Edits Pending, Paused or Expired."""
        return status(self.conversation, now=self.now)

    @property
    def ended(self) -> int:
        """Who entered and is no longer inside."""
        return self.entered - self.waiting


@dataclass(frozen=True)
class Figures:
    """What the home page says of one list at one moment; `lately` is the last 24 hours."""

    emails: int
    texts: int
    under_way: int
    failed: int
    skipped: int
    subscribed: int
    subscribed_lately: int
    next_due_at: datetime | None
    moving: list[Moving]
    silent: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Messages sent in the last 24 hours."""
        return self.emails + self.texts

    @property
    def waiting(self) -> int:
        """Contacts inside a conversation."""
        return sum(one.waiting for one in self.moving)

    @property
    def held(self) -> int:
        """Contacts held by a fault."""
        return sum(one.held for one in self.moving)


def figures(*, in_list: List, now: datetime) -> Figures:
    """Return the list's figures; a few aggregates over its own rows."""
    since = now - DAY
    sent = sql.fetch_one(DELIVERIES, list_id=in_list.pk, since=since) or (0, 0, 0, 0, 0)
    people = sql.fetch_one(SUBSCRIPTIONS, list_id=in_list.pk, since=since) or (0, 0)
    rows = sql.fetch_all(ENROLLMENTS, list_id=in_list.pk, since=since)
    return Figures(
        emails=sent[0],
        texts=sent[1],
        under_way=sent[2],
        failed=sent[3],
        skipped=sent[4],
        subscribed=people[0],
        subscribed_lately=people[1],
        next_due_at=min((row[5] for row in rows if row[5] is not None), default=None),
        moving=moving_on(in_list, {row[0]: row for row in rows}, now),
        silent=silent_parts(now=now),
    )


def moving_on(in_list: List, counts: dict[int, sql.Row], now: datetime) -> list[Moving]:
    """Return the list's conversations with their counts, by name."""
    sent: dict[int, int] = dict(sql.fetch_all(SENT, list_id=in_list.pk))
    found = Conversation.objects.filter(list=in_list, rehearsal_of=None).select_related("published")
    moving = []
    for one in found.order_by("name", "pk"):
        _, entered, waiting, held, lately, _ = counts.get(one.pk, (one.pk, 0, 0, 0, 0, None))
        moving.append(Moving(one, now, entered, waiting, held, lately, sent.get(one.pk, 0)))
    return moving


def silent_parts(*, now: datetime) -> list[str]:
    """Return which of worker and pulse have stopped beating (or never began)."""
    latest = now - timedelta(seconds=SILENT_SECONDS)
    beats = dict(Heartbeat.objects.values_list("part", "beat_at"))
    return [part for part in ("worker", "pulse") if part not in beats or beats[part] < latest]
