"""Which rule segments have their members written down, and what these listen to."""

from datetime import datetime

from accounts.models import List
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.actions.facts import ADDED, SEGMENT_ENTERED, SEGMENT_LEFT
from contacts.filters import saved
from contacts.models import Listener, Segment, SegmentKind
from contacts.segments import asking, jobs
from contacts.segments.nesting import nesting_of

# What a segment leaves behind that no conversation starts from any more.
FORGET = (
    "DELETE FROM contacts_listener WHERE for_segment_id = %(segment_id)s",
    "DELETE FROM contacts_segmenttouch WHERE segment_id = %(segment_id)s",
    "DELETE FROM contacts_segmentmember WHERE segment_id = %(segment_id)s",
)
# Those who are in a segment when a conversation that asks for them goes live.
ADMIT = f"""
INSERT INTO contacts_intake (
    conversation_id, kind, segment_id, contact_id, subscription_id, step_key,
    occurred_at, recorded_at, method, properties, depth
)
SELECT
    %(conversation_id)s, '{SEGMENT_ENTERED}', %(segment_id)s, subscription.contact_id,
    subscription.id, %(step_key)s, %(now)s, %(now)s, '', '{{}}', 0
FROM contacts_segmentmember AS member
INNER JOIN contacts_subscription AS subscription ON subscription.id = member.subscription_id
WHERE member.segment_id = %(segment_id)s AND member.is_member
ORDER BY subscription.id
"""


def follow(*, list: List, now: datetime) -> None:
    """
    Track the rule segments of a list that a conversation starts from, and no others.

    Called once the conversations' listeners are written; doing it twice changes nothing.
    """
    started_from = Listener.objects.filter(
        list=list,
        kind__in=(SEGMENT_ENTERED, SEGMENT_LEFT),
        role="trigger",
        conversation_id__isnull=False,
    )
    wanted = {*started_from.values_list("segment_id", flat=True)}
    rules = Segment.objects.filter(list=list, kind=SegmentKind.RULE)
    for segment in (
        rules.select_for_update(of=("self",)).select_related("account", "list").order_by("pk")
    ):
        if segment.pk in wanted and segment.tracked_at is None:
            _track(segment, now=now)
        elif segment.pk not in wanted and segment.tracked_at is not None:
            Segment.objects.filter(pk=segment.pk).update(tracked_at=None)
            forget(segment)


def admit(*, segment: Segment, conversation_id: int, step_key: str, now: datetime) -> None:
    """
    Queue everybody who is in a segment by `now` for one trigger of a conversation.

    Called after `follow`, for a trigger that includes those inside already. A few are
    queued at once, many by a job.
    """
    is_first = bool(jobs.unlooked([segment.pk]))
    if is_first or segment.members.all()[: jobs.FEW + 1].count() > jobs.FEW:
        jobs.begin(segment, jobs.ADMIT, now=now, conversation_id=conversation_id, step_key=step_key)
    elif sql.execute(
        ADMIT, segment_id=segment.pk, conversation_id=conversation_id, step_key=step_key, now=now
    ):
        wake("advance")


def rule_changed(segment: Segment, *, now: datetime) -> None:
    """Ask everybody again, by the new rule, in every tracked segment that rests on this one."""
    nesting = nesting_of(segment.list, {})
    resting = Segment.objects.filter(
        pk__in={segment.pk, *nesting.askers(segment.pk)}, tracked_at__isnull=False
    )
    tracked = resting.select_for_update(of=("self",)).select_related("list").order_by("pk")
    for one in tracked:
        listen(one)
        jobs.begin(one, jobs.ASK, now=now)


def listen(segment: Segment) -> None:
    """
    Make a tracked segment's listeners those of the rule that it has now.

    Whoever comes onto the list is asked whatever the rule: not to have bought is a rule.
    """
    heard = saved.heard_by({"leaf": "segment", "segment_id": segment.pk})
    heard.add((ADDED, None, None))
    Listener.objects.filter(for_segment=segment).delete()
    Listener.objects.bulk_create(
        Listener(
            for_segment=segment,
            list_id=segment.list_id,
            role="watch",
            kind=kind,
            external_event_id=event_id,
            segment_id=segment_id,
        )
        for kind, event_id, segment_id in sorted(heard, key=str)
    )


def forget(segment: Segment) -> None:
    """Drop what is written down of a segment: members, listeners and touches."""
    for statement in FORGET:
        sql.execute(statement, segment_id=segment.pk)


def _track(segment: Segment, *, now: datetime) -> None:
    """
    Write down who is in a segment, at once or by a job; nobody enters by that.

    At once, a transaction under way may not have seen the listeners, nor this one its
    facts: everybody is asked again. A job waits for such transactions.
    """
    listen(segment)
    Segment.objects.filter(pk=segment.pk).update(tracked_at=now)
    if jobs.is_long(segment.list_id):
        jobs.begin(segment, jobs.FIRST, now=now)
        return
    asking.write_down(segment, now=now)
    jobs.begin(segment, jobs.ASK, now=now)
