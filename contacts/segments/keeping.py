"""
Keep tracked segments up to date: ask again whom a fact touched, and whose moment has come.

The conversations that start from a segment hear of it by facts `segment_entered` and
`segment_left`: a change between two evaluations, whatever brought it about.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DataError, OperationalError, transaction

from accounts.tenancy import current_account_id, sql
from contacts import filters
from contacts.actions.facts import SEGMENT_ENTERED, SEGMENT_LEFT
from contacts.models import Segment, Subscription
from contacts.segments import jobs
from contacts.segments.asking import Moved, ask_some
from contacts.segments.manual import announce_moves

# The first key of the advisory locks that let one keeper at a time into an account.
KEEPER_LOCK = 7_303

IS_DUE = """
SELECT
    EXISTS (
        SELECT FROM contacts_segmenttouch AS touch
        WHERE touch.contact_id IS NULL AND touch.recorded_at <= %(now)s
    )
    OR EXISTS (SELECT FROM contacts_segment AS segment WHERE segment.tracked_at IS NOT NULL)
    AND (
        EXISTS (
            SELECT FROM contacts_segmenttouch AS touch WHERE touch.recorded_at <= %(now)s
        )
        OR EXISTS (
            SELECT FROM contacts_segmentmember AS member WHERE member.recheck_at <= %(now)s
        )
    )
"""
TAKE_TOUCHES = """
WITH taken AS (
    DELETE FROM contacts_segmenttouch AS touch
    WHERE touch.id IN (
        SELECT first.id
        FROM contacts_segmenttouch AS first
        WHERE first.recorded_at <= %(now)s AND first.contact_id IS NOT NULL
        ORDER BY first.recorded_at, first.id
        LIMIT %(limit)s
    )
    RETURNING touch.segment_id, touch.contact_id, touch.depth
)

SELECT taken.segment_id, taken.contact_id, max(taken.depth), count(*)
FROM taken
GROUP BY taken.segment_id, taken.contact_id
"""
DUE_AGAIN = """
SELECT member.segment_id, member.subscription_id
FROM contacts_segmentmember AS member
WHERE member.recheck_at <= %(now)s
ORDER BY member.recheck_at
LIMIT %(limit)s
"""
# Who cannot be asked now is asked again when a fact or a new rule gives cause to.
GIVE_UP = """
UPDATE contacts_segmentmember AS member
SET recheck_at = NULL
WHERE
    member.segment_id = %(segment_id)s
    AND member.subscription_id = ANY(%(subscription_ids)s::bigint[])
"""

# SQLSTATEs of a statement that is too deep or too large, whoever it is asked of.
TOO_MUCH = ("54", "53200")

log = logging.getLogger(__name__)


@dataclass
class Due:
    """Whom of one segment to ask again: contacts with the depth of what touched them."""

    contacts: dict[int, int] = field(default_factory=dict)
    subscriptions: list[int] = field(default_factory=list)
    # Those that a job has not come to yet, (after, last): they are left to it.
    unlooked: tuple[int, int] = (0, 0)
    # When those who moved did so; None is now.
    since: datetime | None = None
    # Whether nobody could be asked.
    is_given_up: bool = False


def keep(*, now: datetime, limit: int) -> int:
    """
    Ask again whom a fact touched or whose moment has come; return how many were taken up.

    At most `limit` of either, of all tracked segments of the current account, and as many of
    the job whose turn it is. One keeper at a time: another's contacts are left to it. The facts are recorded at `now`: the tick that
    calls this takes them in. A rule that cannot be asked keeps its members as they are.
    """
    if not sql.fetch_value(IS_DUE, now=now) or not sql.fetch_value(
        "SELECT pg_try_advisory_xact_lock(%(key)s, %(account)s)",
        key=KEEPER_LOCK,
        account=(current_account_id() or 0) % 2**31,
    ):
        return 0
    due, taken = _take(now, limit)
    for segment_id, unlooked in jobs.unlooked([*due]).items():
        due[segment_id].unlooked = unlooked
    tracked = Segment.objects.filter(pk__in=due, tracked_at__isnull=False)
    # Locked, so that a segment is not let go of while it is asked.
    locked = tracked.select_for_update(of=("self",), no_key=True)
    for segment in locked.select_related("account", "list").order_by("pk"):
        asked = due[segment.pk]
        for moved in _ask(segment, asked, now):
            _announce(segment, moved, asked.contacts, now)
    return taken + _work(now, limit)


def _work(now: datetime, limit: int) -> int:
    """Do a batch of the job whose turn it is; return how many it took up."""
    job = jobs.next_job(now=now)
    if job is None:
        return 0
    segment = (
        Segment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "list")
        .get(pk=job.segment_id)
    )
    if job.kind == jobs.ADMIT:
        looked = job.let_in(now=now, limit=limit)
    elif segment.tracked_at is None:
        job.end()
        return 1
    else:
        looked = job.next_of_list(segment, limit=limit)
        due = Due(subscriptions=looked, since=job.recorded_at if job.kind == jobs.FIRST else None)
        moves = _ask(segment, due, now) if looked else []
        if due.is_given_up and job.kind == jobs.FIRST:
            job.postpone(now=now)
            return 1
        if job.kind == jobs.ASK:
            for moved in moves:
                _announce(segment, moved, {}, now)
    job.go_on(looked, limit=limit)
    return max(1, len(looked))


def _take(now: datetime, limit: int) -> tuple[Mapping[int, Due], int]:
    due: defaultdict[int, Due] = defaultdict(Due)
    taken = 0
    for segment_id, contact_id, depth, rows in sql.fetch_all(TAKE_TOUCHES, now=now, limit=limit):
        due[segment_id].contacts[contact_id] = depth
        taken += rows
    for segment_id, subscription_id in sql.fetch_all(DUE_AGAIN, now=now, limit=limit):
        due[segment_id].subscriptions.append(subscription_id)
        taken += 1
    return due, taken


def _ask(segment: Segment, due: Due, now: datetime) -> list[Moved]:
    """Ask whom is due; a rule that cannot be asked moves nobody."""
    try:
        with transaction.atomic():
            return [
                ask_some(
                    segment,
                    now=now,
                    contact_ids=[*due.contacts],
                    subscription_ids=due.subscriptions,
                    since=due.since,
                    unlooked=due.unlooked,
                )
            ]
    except filters.VanishedError as vanished:
        log.warning("Segment %s cannot be asked: %s.", segment.pk, vanished.reason)
        due.is_given_up = True
        _give_up(segment, due.subscriptions)
        return []
    except OperationalError as error:
        state = str(getattr(error.__cause__, "sqlstate", ""))
        if not state.startswith(TOO_MUCH):
            raise
        log.warning("Segment %s asks too much of the database (%s).", segment.pk, state)
        due.is_given_up = True
        _give_up(segment, due.subscriptions)
        return []
    except DataError as error:
        # Without its message, which holds the value that it errs on.
        state = getattr(error.__cause__, "sqlstate", "unknown")
        log.warning("Segment %s errs on somebody (%s): they are sought.", segment.pk, state)
        return _ask_apart(segment, _subscriptions_of(segment, due), due, now)


def _ask_apart(
    segment: Segment, subscriptions: Sequence[int], due: Due, now: datetime
) -> list[Moved]:
    """Ask in halves until those who err are alone; they stay as they were."""
    if not subscriptions:
        return []
    try:
        with transaction.atomic():
            return [
                ask_some(
                    segment,
                    now=now,
                    subscription_ids=subscriptions,
                    since=due.since,
                    unlooked=due.unlooked,
                )
            ]
    except DataError:
        if len(subscriptions) == 1:
            log.warning("Segment %s cannot be asked of %s.", segment.pk, subscriptions[0])
            _give_up(segment, subscriptions)
            return []
    middle = len(subscriptions) // 2
    return [
        *_ask_apart(segment, subscriptions[:middle], due, now),
        *_ask_apart(segment, subscriptions[middle:], due, now),
    ]


def _subscriptions_of(segment: Segment, due: Due) -> list[int]:
    of_list = Subscription.objects.filter(list_id=segment.list_id)
    touched = of_list.filter(contact_id__in=[*due.contacts]).values_list("pk", flat=True)
    return sorted({*touched, *due.subscriptions})


def _give_up(segment: Segment, subscriptions: Sequence[int]) -> None:
    sql.execute(GIVE_UP, segment_id=segment.pk, subscription_ids=[*subscriptions])


def _announce(segment: Segment, moved: Moved, depths: Mapping[int, int], now: datetime) -> None:
    """Queue the facts, each as deep in a chain of acts as what touched its contact."""
    touched = {contact: depth for contact, depth in depths.items() if depth}
    deep = dict(
        Subscription.objects.filter(list_id=segment.list_id, contact_id__in=touched).values_list(
            "pk", "contact_id"
        )
        if touched
        else []
    )
    for kind, ids in ((SEGMENT_ENTERED, moved.entered), (SEGMENT_LEFT, moved.left)):
        announce_moves(
            kind,
            segment_id=segment.pk,
            moved=ids,
            depths=[touched.get(deep.get(pk, 0), 0) for pk in ids],
            now=now,
        )
