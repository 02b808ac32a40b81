"""Add the contact to a segment of this list that is kept by hand.

Who is in it already stays, and nobody hears of it. Segments that follow a rule change by
what is known of the contact, not by an action.
"""

from collections.abc import Mapping
from typing import Any

from conductor.steps import THESE, Arrivals, Names, NameText, StepProblem, Told, announce
from conductor.steps.action.act import Act
from conductor.steps.action.segment import compile_segment, segment_here, segment_problems
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


class AddToSegmentAct(Act[str]):
    """Put into a segment."""

    name = "add_to_segment"
    place = 10
    label = "Add to a segment"
    Setting = NameText

    def sentence(self, setting: str) -> str:
        """Name the segment."""
        return f"Add to the segment {setting}" if setting else ""

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find a missing or unknown segment, or one that follows a rule."""
        return segment_problems(self.name, setting, names)

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the segment's id."""
        return compile_segment(setting, names)

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Add everybody here."""
        if segment_here(arrivals, settings["segment_id"]):
            announce(
                arrivals,
                ENTERED,
                write=ADD,
                segment_id=settings["segment_id"],
            )


ACT = AddToSegmentAct()
