"""Which rule segments have their members written down, and what these listen to."""

from collections.abc import Iterable
from datetime import datetime

from accounts.models import List
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.actions.facts import ADDED, SEGMENT_ENTERED, SEGMENT_LEFT
from contacts.filters import saved
from contacts.models import Listener, Segment, SegmentKind
from contacts.segments import asking
from contacts.segments.nesting import nesting_of

# A touch without a contact: everybody is asked again.
TOUCH_EVERYBODY = """
INSERT INTO contacts_segmenttouch (segment_id, recorded_at, depth)
SELECT touched.id, %(now)s, 0
FROM unnest(%(segment_ids)s::bigint[]) AS touched (id)
"""
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


def admit(*, segment_id: int, conversation_id: int, step_key: str, now: datetime) -> int:
    """
    Queue everybody who is in a segment for one trigger of a conversation; return how many.

    Called after `follow`, for a trigger that includes those inside already.
    """
    queued = sql.execute(
        ADMIT, segment_id=segment_id, conversation_id=conversation_id, step_key=step_key, now=now
    )
    if queued:
        wake("advance")
    return queued


def rule_changed(segment: Segment, *, now: datetime) -> None:
    """Ask everybody again, by the new rule, in every tracked segment that rests on this one."""
    nesting = nesting_of(segment.list, {})
    resting = Segment.objects.filter(
        pk__in={segment.pk, *nesting.askers(segment.pk)}, tracked_at__isnull=False
    )
    tracked = [*resting.select_for_update(of=("self",)).order_by("pk")]
    for one in tracked:
        listen(one)
    touch_everybody((one.pk for one in tracked), now=now)


def touch_everybody(segment_ids: Iterable[int], *, now: datetime) -> None:
    """Have everybody asked again; what changed since they were asked last enters or leaves."""
    if sql.execute(TOUCH_EVERYBODY, segment_ids=[*segment_ids], now=now):
        wake("advance")


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
    """Write down who is in a segment; nobody enters by that."""
    listen(segment)
    asking.write_down(segment, now=now)
    Segment.objects.filter(pk=segment.pk).update(tracked_at=now)
    # A transaction under way may not have seen the listeners, nor this one its facts.
    touch_everybody([segment.pk], now=now)
