"""Take the contact out of a segment of this list that is kept by hand.

Who is not in it stays out, and nobody hears of it.
"""

from conductor.steps import THESE, Told
from conductor.steps.action.segment import SegmentAct
from contacts.actions import facts

REMOVE = f"""
    DELETE FROM contacts_segmentmember AS member
    USING arrivals
    CROSS JOIN LATERAL (
        SELECT found.id
        FROM contacts_segmentmember AS found
        WHERE
            found.segment_id = %(segment_id)s
            AND found.subscription_id = arrivals.subscription_id
            AND found.is_member
        LIMIT 1
    ) AS own
    WHERE {THESE} AND member.id = own.id
    RETURNING member.subscription_id
"""
LEFT = Told(kinds=(facts.SEGMENT_LEFT,), segment_id="%(segment_id)s::bigint")


class RemoveFromSegmentAct(SegmentAct):
    """Take out of a segment."""

    name = "remove_from_segment"
    place = 11
    label = "Remove from a segment"
    words = "Remove from"
    write = REMOVE
    told = LEFT


ACT = RemoveFromSegmentAct()
