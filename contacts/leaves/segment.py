"""
Segment: whether the contact is in a saved segment of the list, as it is at that moment.

A segment of kind rule is asked by its rule, one kept by hand by its members.
"""

from collections.abc import Mapping
from typing import Any

from contacts.filters import saved
from contacts.filters.condition import test_of
from contacts.filters.facts import some
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.reading import Fault, Reader, within
from contacts.filters.scope import Names, Scope, Test
from contacts.filters.vanished import check_there


class SegmentLeaf(LeafType):
    """`{segment: NAME}`."""

    kind = "segment"
    flat = True

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the segment's name; nothing stands beside it."""
        for key in written:
            if key != "segment":
                reader.fault(within(path, str(key)), "Nothing stands beside 'segment'.")
        return {"segment": reader.text(written["segment"], within(path, "segment"))}

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Ask for the segment."""
        if names.segment(config["segment"]) is None:
            return [(within(path, "segment"), unknown_segment(config["segment"]))]
        return []

    def resolve(self, config: Config, names: Names) -> Config:
        """Name the segment by its id."""
        found = names.segment(config["segment"])
        if found is None:
            raise LookupError(unknown_segment(config["segment"]))
        return {"segment_id": found.pk}

    def test(self, resolved: Config, scope: Scope) -> Test:
        """
        Ask the rule that the segment has now, or look for a member.

        :raises VanishedError: if the segment, or what its rule asks for, is gone.
        """
        segment = saved.find(int(resolved["segment_id"]))
        if saved.is_manual(segment):
            return some(
                "contacts_segmentmember AS member",
                [
                    f"member.segment_id = {scope.bind(segment.pk, 'bigint')}",
                    "member.subscription_id = subscription.id",
                    "member.is_member",
                ],
            )
        rule = saved.rule_of(segment)
        within_it = saved.inside(segment, scope)
        check_there(rule)
        return test_of(rule, within_it)

    def hears(self, resolved: Config) -> set[Heard]:
        """
        Hear of one kept by hand who is put in and taken out; of a rule, of everything.

        Somebody may change the rule while contacts wait for the answer.
        """
        segment = saved.find(int(resolved["segment_id"]))
        return saved.moves_of(segment) if saved.is_manual(segment) else {("any", None, None)}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `is in the segment VIPs`."""
        return f"{'is not' if negated else 'is'} in the segment {config['segment']}"


def unknown_segment(name: str) -> str:
    """Say that the list has no such segment."""
    return f"There is no segment “{name}” on this list."


LEAF = SegmentLeaf()
