"""Add the contact to a segment of this list that is kept by hand.

Who is in it already stays, and nobody hears of it. Segments that follow a rule change by
what is known of the contact, not by an action.
"""

from conductor.steps import THESE, Told
from conductor.steps.action.segment import SegmentAct
from contacts.actions import facts

ADD = f"""
    INSERT INTO contacts_segmentmember AS member (segment_id, subscription_id, is_member, since)
    SELECT %(segment_id)s, arrivals.subscription_id, TRUE, %(now)s
    FROM arrivals
    WHERE {THESE}
    ORDER BY arrivals.subscription_id
    ON CONFLICT (account_id, segment_id, subscription_id) DO UPDATE
    SET is_member = TRUE, since = excluded.since
    WHERE NOT member.is_member
    RETURNING member.subscription_id
"""
ENTERED = Told(kinds=(facts.SEGMENT_ENTERED,), segment_id="%(segment_id)s::bigint")


class AddToSegmentAct(SegmentAct):
    """Put into a segment."""

    name = "add_to_segment"
    place = 10
    label = "Add to a segment"
    words = "Add to"
    write = ADD
    told = ENTERED


ACT = AddToSegmentAct()
