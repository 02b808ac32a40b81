"""
What concerns everybody on a list, batch by batch: a whole list is too much for one transaction.

A job is a touch without a contact; `job` says what it is and how far it has come, and is
written in the transaction of each batch: whoever dies in between, the next goes on there.

* `first`: the segment is tracked since just now. Who is in it is written down, and nobody
  enters by that. Until somebody was looked at, what happens to them counts as before.
* `ask`: its rule changed, or facts may have been missed. Who moved enters or leaves.
* `admit`: those who were in it when a conversation went live are let in by one trigger.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.actions.facts import SEGMENT_ENTERED
from contacts.models import Segment, SegmentTouch

# What a touch of everybody was before there were jobs.
UNKNOWN = {"kind": "ask", "after": 0, "last": 2**62, "looked": 0, "total": 0}
# Lists of at most so many are looked at at once, by whoever publishes.
FEW = 2_000
# How long a job waits for transactions that may have missed the listeners.
PATIENCE = timedelta(minutes=5)
POSTPONED = timedelta(minutes=1)

FIRST, ASK, ADMIT = "first", "ask", "admit"

SEE = """
UPDATE contacts_segmenttouch AS touch
SET seen_at = clock_timestamp()
WHERE touch.contact_id IS NULL AND touch.seen_at IS NULL AND touch.recorded_at <= %(now)s
"""
# Transactions that have written and began before the job was seen may not know of it. Who
# is let in must have been looked at.
NEXT = """
SELECT touch.id, touch.segment_id, touch.job, touch.recorded_at
FROM contacts_segmenttouch AS touch
WHERE
    touch.contact_id IS NULL
    AND touch.recorded_at <= %(now)s
    AND (
        touch.seen_at <= clock_timestamp() - %(patience)s
        OR NOT EXISTS (
            SELECT FROM pg_stat_activity AS other
            WHERE
                other.datname = current_database()
                AND other.pid <> pg_backend_pid()
                AND other.backend_xid IS NOT NULL
                AND other.xact_start < touch.seen_at
        )
    )
    AND NOT EXISTS (
        SELECT FROM contacts_segmenttouch AS former
        WHERE
            former.contact_id IS NULL
            AND former.segment_id = touch.segment_id
            AND former.id < touch.id
    )
ORDER BY touch.id
LIMIT 1
"""
BEGIN = """
INSERT INTO contacts_segmenttouch (segment_id, recorded_at, depth, job)
VALUES (%(segment_id)s, %(now)s, 0, %(job)s::jsonb)
"""
# One that was not begun would do the same twice.
NOT_BEGUN = """
DELETE FROM contacts_segmenttouch AS touch
WHERE
    touch.contact_id IS NULL
    AND touch.segment_id = %(segment_id)s
    AND touch.job @> '{"kind": "ask", "after": 0}'
"""
GO_ON = "UPDATE contacts_segmenttouch AS touch SET job = %(job)s::jsonb WHERE touch.id = %(id)s"
POSTPONE = """
UPDATE contacts_segmenttouch AS touch SET recorded_at = %(until)s WHERE touch.id = %(id)s
"""
END = "DELETE FROM contacts_segmenttouch AS touch WHERE touch.id = %(id)s"
# Both along an index. What is behind the last of this list is of other lists.
SIZE = """
SELECT
    (
        SELECT count(*)
        FROM contacts_subscription AS subscription
        WHERE subscription.list_id = %(list_id)s
    ),
    (SELECT coalesce(max(subscription.id), 0) FROM contacts_subscription AS subscription)
"""
IS_LONG = """
SELECT count(*) > %(few)s
FROM (
    SELECT FROM contacts_subscription AS subscription
    WHERE subscription.list_id = %(list_id)s
    LIMIT %(few)s + 1
) AS first
"""
NEXT_OF_LIST = """
SELECT subscription.id
FROM contacts_subscription AS subscription
WHERE
    subscription.list_id = %(list_id)s
    AND subscription.id > %(after)s
    AND subscription.id <= %(last)s
ORDER BY subscription.id
LIMIT %(limit)s
"""
LET_IN = f"""
WITH inside AS MATERIALIZED (
    SELECT member.subscription_id
    FROM contacts_segmentmember AS member
    WHERE
        member.segment_id = %(segment_id)s
        AND member.subscription_id > %(after)s
        AND member.is_member
        AND member.since <= %(before)s
    ORDER BY member.subscription_id
    LIMIT %(limit)s
),

queued AS (
    INSERT INTO contacts_intake (
        conversation_id, kind, segment_id, contact_id, subscription_id, step_key,
        occurred_at, recorded_at, method, properties, depth
    )
    SELECT
        %(conversation_id)s, '{SEGMENT_ENTERED}', %(segment_id)s, subscription.contact_id,
        subscription.id, %(step_key)s, %(now)s, %(now)s, '', '{{}}', 0
    FROM inside
    INNER JOIN contacts_subscription AS subscription ON subscription.id = inside.subscription_id
    ORDER BY subscription.id
)

SELECT coalesce(array_agg(inside.subscription_id ORDER BY inside.subscription_id), '{{}}')
FROM inside
"""


@dataclass(frozen=True)
class Job:
    """One job as it stands; `after` is the last subscription that was looked at."""

    id: int
    segment_id: int
    kind: str
    after: int
    last: int
    looked: int
    total: int
    recorded_at: datetime
    conversation_id: int = 0
    step_key: str = ""

    def next_of_list(self, segment: Segment, *, limit: int) -> list[int]:
        """Return the subscriptions that come next."""
        rows = sql.fetch_all(
            NEXT_OF_LIST,
            list_id=segment.list_id,
            after=self.after,
            last=self.last,
            limit=limit,
        )
        return [row[0] for row in rows]

    def let_in(self, *, now: datetime, limit: int) -> list[int]:
        """Queue the members that come next for the trigger; return their subscriptions."""
        return list(
            sql.fetch_value(
                LET_IN,
                segment_id=self.segment_id,
                conversation_id=self.conversation_id,
                step_key=self.step_key,
                after=self.after,
                before=self.recorded_at,
                now=now,
                limit=limit,
            )
        )

    def go_on(self, looked: list[int], *, limit: int) -> None:
        """Note how far it has come; one that found fewer than it wanted is over."""
        if len(looked) < limit:
            sql.execute(END, id=self.id)
            return
        written = {
            "kind": self.kind,
            "after": looked[-1],
            "last": self.last,
            "looked": self.looked + len(looked),
            "total": self.total,
            "conversation_id": self.conversation_id,
            "step_key": self.step_key,
        }
        sql.execute(GO_ON, id=self.id, job=json.dumps(written))

    def postpone(self, *, now: datetime) -> None:
        """Try again in a minute, where it stands."""
        sql.execute(POSTPONE, id=self.id, until=now + POSTPONED)

    def end(self) -> None:
        """Give it up: what it was about is gone."""
        sql.execute(END, id=self.id)


def begin(segment: Segment, kind: str, *, now: datetime, **more: Any) -> None:
    """Have a job done from the beginning, for who is on the list by now."""
    total, last = size_of(segment.list_id)
    job = {"kind": kind, "after": 0, "last": last, "looked": 0, "total": total, **more}
    if kind == ASK:
        sql.execute(NOT_BEGUN, segment_id=segment.pk)
    sql.execute(BEGIN, segment_id=segment.pk, now=now, job=json.dumps(job))
    wake("advance")


def size_of(list_id: int) -> tuple[int, int]:
    """Return how many are on a list, and a subscription that none of them comes after."""
    total, last = sql.fetch_one(SIZE, list_id=list_id) or (0, 0)
    return total, last


def next_job(*, now: datetime) -> Job | None:
    """Return the job whose turn it is, if there is one."""
    sql.execute(SEE, now=now)
    row = sql.fetch_one(NEXT, now=now, patience=PATIENCE)
    if row is None:
        return None
    pk, segment_id, written, recorded_at = row
    job = json.loads(written) if written else {**UNKNOWN}
    return Job(pk, segment_id, recorded_at=recorded_at, **job)


def is_long(list_id: int) -> bool:
    """Say whether a list has more than a few contacts."""
    return bool(sql.fetch_value(IS_LONG, list_id=list_id, few=FEW))


def unlooked(segment_ids: list[int]) -> dict[int, tuple[int, int]]:
    """
    Return, for segments that are tracked since just now, whom nobody has looked at yet.

    {segment id: (after, last)}: the subscriptions between them, `last` included.
    """
    rows = SegmentTouch.objects.filter(
        contact=None, segment__in=segment_ids, job__kind=FIRST
    ).values_list("segment_id", "job")
    return {segment_id: (job["after"], job["last"]) for segment_id, job in rows if job}


def progress(segment_ids: list[int], *, conversation_id: int) -> list[tuple[int, int]]:
    """Return (looked at, of how many) of the jobs that a conversation waits for."""
    rows = SegmentTouch.objects.filter(contact=None, segment__in=segment_ids).values_list(
        "job", flat=True
    )
    return [
        (job["looked"], job["total"])
        for job in rows
        if job and (job["kind"] == FIRST or job.get("conversation_id") == conversation_id)
    ]
