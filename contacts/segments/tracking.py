"""Which rule segments have their members written down, and what these listen to."""

from datetime import datetime

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts import filters
from contacts.filters import saved
from contacts.models import Listener, Segment
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


def rule_changed(segment: Segment, *, now: datetime) -> None:
    """Ask everybody again, by the new rule, in every tracked segment that rests on this one."""
    nesting = nesting_of(segment.list, {})
    resting = Segment.objects.filter(
        pk__in={segment.pk, *nesting.askers(segment.pk)}, tracked_at__isnull=False
    )
    for one in resting.select_for_update(of=("self",)).order_by("pk"):
        listen(one)
        touch_everybody([one.pk], now=now)


def touch_everybody(segment_ids: list[int], *, now: datetime) -> None:
    """Have everybody asked again; what changed since they were asked last enters or leaves."""
    sql.execute(TOUCH_EVERYBODY, segment_ids=segment_ids, now=now)
    wake("advance")


def listen(segment: Segment) -> None:
    """Make a tracked segment's listeners those of the rule that it has now."""
    heard = filters.hears({"leaf": "segment", "segment_id": segment.pk})
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


def is_sound(segment: Segment) -> bool:
    """Say whether a rule segment can be asked: all that it names is there."""
    try:
        list(saved.reach({"leaf": "segment", "segment_id": segment.pk}))
    except filters.VanishedError:
        return False
    return True
