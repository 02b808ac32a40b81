"""What the two acts on segments share: segments that are kept by hand, and only those."""

from collections.abc import Mapping
from typing import Any, ClassVar

from conductor.steps import (
    Arrivals,
    Names,
    NameText,
    StepProblem,
    Told,
    announce,
    empty,
    hold_here,
    unknown,
)
from conductor.steps.action.act import Act
from contacts.models import Segment
from contacts.models.segment import SegmentKind

MANUAL = SegmentKind.MANUAL.value


class SegmentAct(Act[str]):
    """An act on a segment: `write` moves those here in or out, `told` is what follows of it."""

    Setting = NameText
    words: ClassVar[str]
    write: ClassVar[str]
    told: ClassVar[Told]

    def sentence(self, setting: str) -> str:
        """Name the segment."""
        return f"{self.words} the segment {setting}" if setting else ""

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find a missing or unknown segment, or one that follows a rule."""
        return segment_problems(self.name, setting, names)

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the segment's id."""
        segment = names.segment(setting)
        if segment is None:
            raise ValueError("Only a step without problems is compiled.")
        return {"segment_id": segment.pk}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Move everybody here."""
        segment_id = settings["segment_id"]
        if segment_here(arrivals, segment_id):
            announce(arrivals, self.told, write=self.write, segment_id=segment_id)


def segment_problems(path: str, name: str, names: Names) -> list[StepProblem]:
    """Return the problems of a segment's name."""
    if not name:
        return [empty(path, "Choose the segment.")]
    segment = names.segment(name)
    if segment is None:
        return [unknown(path, "segment", name)]
    if segment.kind != MANUAL:
        text = f"“{name}” follows a rule; only a segment that is kept by hand takes contacts."
        return [StepProblem(path, "wrong_kind", text)]
    return []


def segment_here(arrivals: Arrivals, segment_id: int) -> bool:
    """Say whether the segment is there and takes contacts; else hold everybody here."""
    kind = Segment.objects.filter(pk=segment_id).values_list("kind", flat=True).first()
    if kind == MANUAL:
        return True
    hold_here(arrivals, "the segment follows a rule" if kind else "the segment is gone")
    return False
