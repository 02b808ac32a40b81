"""What the two acts on segments share: segments that are kept by hand, and only those."""

from typing import Any

from conductor.steps import Arrivals, Names, StepProblem, empty, hold_here, unknown
from contacts.models import Segment
from contacts.models.segment import SegmentKind

MANUAL = SegmentKind.MANUAL.value


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


def compile_segment(name: str, names: Names) -> dict[str, Any]:
    """Return the segment's id."""
    segment = names.segment(name)
    if segment is None:
        raise ValueError("Only a step without problems is compiled.")
    return {"segment_id": segment.pk}


def segment_here(arrivals: Arrivals, segment_id: int) -> bool:
    """Say whether the segment is there and takes contacts; else hold everybody here."""
    kind = Segment.objects.filter(pk=segment_id).values_list("kind", flat=True).first()
    if kind == MANUAL:
        return True
    hold_here(arrivals, "the segment follows a rule" if kind else "the segment is gone")
    return False
