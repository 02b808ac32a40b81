"""Take the contact out of a segment of this list that is kept by hand.

Who is not in it stays out, and nobody hears of it.
"""

from collections.abc import Mapping
from typing import Any

from conductor.steps import THESE, Arrivals, Names, NameText, StepProblem, Told, announce
from conductor.steps.action.act import Act
from conductor.steps.action.segment import compile_segment, segment_here, segment_problems
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


class RemoveFromSegmentAct(Act[str]):
    """Take out of a segment."""

    name = "remove_from_segment"
    place = 11
    label = "Remove from a segment"
    Setting = NameText

    def sentence(self, setting: str) -> str:
        """Name the segment."""
        return f"Remove from the segment {setting}" if setting else ""

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find a missing or unknown segment, or one that follows a rule."""
        return segment_problems(self.name, setting, names)

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the segment's id."""
        return compile_segment(setting, names)

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Remove everybody here."""
        if segment_here(arrivals, settings["segment_id"]):
            announce(
                arrivals,
                LEFT,
                write=REMOVE,
                segment_id=settings["segment_id"],
            )


ACT = RemoveFromSegmentAct()
