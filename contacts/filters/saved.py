"""
Segments as rules ask for them: by id, with the rule that each has now.

A segment has one membership, whoever asks: its dates are read in the account's zone, and
nobody in it is enrolled. Segments nest; that none asks for itself is seen to when one is
saved, and seen again here, since a rule without end would take the tick down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from contacts.filters import naming
from contacts.filters.language import parse, problems, resolve
from contacts.filters.leaf import Heard, leaf_types
from contacts.filters.reading import Malformed
from contacts.filters.scope import Scope, VanishedError
from contacts.models import Segment, SegmentKind

Resolved = Mapping[str, Any]

# How deep segments may stand within one another.
DEEPEST = 10


def find(segment_id: int) -> Segment:
    """
    Return a segment with its account.

    :raises VanishedError: if it is gone.
    """
    found = Segment.objects.select_related("account").filter(pk=segment_id).first()
    if found is None:
        raise VanishedError("the segment is gone")
    return found


def is_manual(segment: Segment) -> bool:
    """Say whether a segment is kept by hand."""
    return segment.kind == SegmentKind.MANUAL.value


def rule_of(segment: Segment) -> dict[str, Any]:
    """
    Return a rule segment's resolved rule.

    :raises VanishedError: if it was never resolved and names what its list does not have.
    """
    if segment.resolved is not None:
        return dict(segment.resolved)
    names = naming.names_of(segment.list)
    try:
        rule = parse(segment.rule)
    except Malformed as malformed:
        raise VanishedError(f"the segment's rule is not sound: {malformed}") from malformed
    for _, text in problems(rule, names):
        raise VanishedError(f"the segment's rule is not sound: {text}")
    return resolve(rule, names)


def inside(segment: Segment, scope: Scope) -> Scope:
    """
    Return the scope that a segment's rule is compiled in; it shares the parameters.

    :raises VanishedError: if the segment stands within itself, or too deep.
    """
    if segment.pk in scope.segments or len(scope.segments) >= DEEPEST:
        raise VanishedError("the segment asks for itself")
    return replace(
        scope,
        zone=scope.bind(segment.account.time_zone, "text"),
        enrolled=False,
        segments=(*scope.segments, segment.pk),
    )


def leaves_of(resolved: Resolved) -> Iterator[Resolved]:
    """Yield every leaf of a resolved rule; segments are not looked into."""
    for kind in ("all", "any"):
        for inner in resolved.get(kind, []):
            yield from leaves_of(inner)
    if "not" in resolved:
        yield from leaves_of(resolved["not"])
    if "leaf" in resolved:
        yield resolved


def reach(resolved: Resolved) -> Iterator[Resolved]:
    """
    Yield every leaf that a rule's answer rests on, those of nested segments included.

    Of segments only those kept by hand are yielded themselves.

    :raises VanishedError: if a segment is gone.
    """
    seen: set[int] = set()
    waiting = [resolved]
    while waiting:
        for leaf in leaves_of(waiting.pop()):
            if leaf["leaf"] != "segment":
                yield leaf
                continue
            if leaf["segment_id"] in seen:
                continue
            seen.add(leaf["segment_id"])
            segment = find(leaf["segment_id"])
            if is_manual(segment):
                yield leaf
            else:
                waiting.append(rule_of(segment))


def heard_by(resolved: Resolved) -> set[Heard]:
    """
    Return the facts that may change a rule's answer, by the rules that its segments have now.

    :raises VanishedError: if a segment is gone.
    """
    heard: set[Heard] = set()
    for leaf in reach(resolved):
        heard |= leaf_types()[leaf["leaf"]].hears(dict(leaf))
    return heard


def moves_of(segment: Segment) -> set[Heard]:
    """Return the facts of those who are put in and taken out of a segment kept by hand."""
    return {("segment_entered", None, segment.pk), ("segment_left", None, segment.pk)}


def asked_for(resolved: Resolved) -> set[int]:
    """Return the ids of the segments that a resolved rule itself asks for."""
    return {leaf["segment_id"] for leaf in leaves_of(resolved) if leaf["leaf"] == "segment"}
