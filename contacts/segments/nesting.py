"""How segments of a list stand within one another: who asks for whom, how deep, how large."""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.models import List
from contacts.filters import saved
from contacts.filters.scope import VanishedError
from contacts.models import Segment

# The most leaves of a rule once those of its segments are written out.
MOST_LEAVES = 1000


@dataclass(frozen=True)
class Nesting:
    """The rule segments of a list, by id: whom each asks for, and how many leaves of its own."""

    asked: Mapping[int, list[int]]  # once for each time it asks
    leaves: Mapping[int, int]

    def reaches(self, start: int, goal: int) -> bool:
        """Say whether a segment asks for another, itself or through others."""
        seen: set[int] = set()
        waiting = list(self.asked.get(start, []))
        while waiting:
            one = waiting.pop()
            if one == goal:
                return True
            if one not in seen:
                seen.add(one)
                waiting += self.asked.get(one, [])
        return False

    def askers(self, goal: int) -> list[int]:
        """Return the segments that ask for one, themselves or through others."""
        return [one for one in self.asked if self.reaches(one, goal)]

    def size(self, start: int) -> tuple[int, int]:
        """Return how many leaves it has written out, and how deep; of one without a ring."""
        known: dict[int, tuple[int, int]] = {}

        def measure(one: int) -> tuple[int, int]:
            if one not in known:
                parts = [measure(inner) for inner in self.asked.get(one, [])]
                known[one] = (
                    self.leaves.get(one, 1) + sum(leaves for leaves, _ in parts),
                    1 + max((deep for _, deep in parts), default=0),
                )
            return known[one]

        return measure(start)


def nesting_of(in_list: List, changed: Mapping[int, saved.Resolved]) -> Nesting:
    """Return how a list's segments nest, where some have other rules than are stored."""
    rules: dict[int, saved.Resolved] = {}
    for segment in Segment.objects.filter(list=in_list, kind="rule").select_related("list"):
        try:
            rules[segment.pk] = saved.rule_of(segment)
        except VanishedError:
            # It can be asked by nobody until its rule is put right.
            rules[segment.pk] = {}
    rules.update(changed)
    asked: dict[int, list[int]] = {}
    leaves: dict[int, int] = {}
    for pk, rule in rules.items():
        found = list(saved.leaves_of(rule))
        asked[pk] = [leaf["segment_id"] for leaf in found if leaf["leaf"] == "segment"]
        leaves[pk] = len(found) - len(asked[pk])
    return Nesting(asked, leaves)
