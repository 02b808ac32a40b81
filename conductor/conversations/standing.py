"""
Where contacts stand, without looking at any of them.

A tick counts the visits that end in it, by exit (`Flow`); a version never changes. So who has
come to a step is who took an exit that leads there, who has entered is who left a trigger, and
who waits is the difference: a sum over a few hundred rows, however many contacts there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from accounts.tenancy import sql
from conductor.conversations.models import Version


@dataclass(frozen=True)
class Shape:
    """
    A version's graph, by step key in the order of the program.

    `threads` names each step's thread, `exits` its exits in order; `targets` the step that an
    exit leads to, where it leads on; `triggers` are the steps that contacts enter by, and
    `entries` the names of the threads that begin with them.
    """

    threads: Mapping[str, str]
    exits: Mapping[str, tuple[str, ...]]
    targets: Mapping[tuple[str, str], str]
    triggers: frozenset[str]
    entries: tuple[str, ...]


@dataclass
class Standing:
    """
    One conversation's numbers: who entered, who waits at which step, how many left by what.

    `converted` is how many ended by reaching the goal. `waiting` holds the steps that anybody came to; `exits` is {step key: {exit: visits}}.
    """

    entered: int = 0
    converted: int = 0
    waiting: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    exits: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def inside(self) -> int:
        """How many have entered and not ended."""
        return sum(self.waiting.values())

    def add(self, shape: Shape, key: str, name: str, visits: int) -> None:
        """Count visits of a step that ended by an exit; at no step, who reached the goal."""
        if not key:
            self.converted += visits
            return
        self.exits[key][name] = self.exits[key].get(name, 0) + visits
        if key in shape.triggers:
            self.entered += visits
        else:
            self.waiting[key] -= visits
        target = shape.targets.get((key, name))
        if target in shape.triggers:
            self.entered -= visits  # a go-to leads there: nobody entered
        elif target is not None:
            self.waiting[target] += visits


def standing(conversation_id: int, *, version_id: int | None = None) -> Standing:
    """Return where the contacts of a conversation stand, over all versions or in one."""
    return standings([conversation_id], version_id=version_id).get(conversation_id, Standing())


def standings(
    conversation_ids: Iterable[int], *, version_id: int | None = None
) -> dict[int, Standing]:
    """Return where the contacts of conversations stand, by id; who nobody entered is left out."""
    rows = sql.fetch_all(
        sql.statement("conductor.conversations", "flows"),
        conversation_ids=list(conversation_ids),
        version_id=version_id,
    )
    found: dict[int, Standing] = {}
    for conversation_id, version, key, name, visits in rows:
        found.setdefault(conversation_id, Standing()).add(shape_of(version), key, name, visits)
    return found


def inside_by_version(conversation_id: int) -> dict[int, int]:
    """Return how many are inside a conversation, by the id of the version that they live by."""
    rows = sql.fetch_all(
        sql.statement("conductor.conversations", "flows"),
        conversation_ids=[conversation_id],
        version_id=None,
    )
    found: dict[int, Standing] = {}
    for _, version, key, name, visits in rows:
        found.setdefault(version, Standing()).add(shape_of(version), key, name, visits)
    return {version: counted.inside for version, counted in found.items() if counted.inside}


@lru_cache(maxsize=1024)
def shape_of(version_id: int) -> Shape:
    """
    Return the graph of a version; read once, since it never changes.

    The id comes from a row of the account at hand: ids are never used again.
    """
    program = Version.objects.values_list("program", flat=True).get(pk=version_id)
    steps = sorted(program["steps"].items(), key=lambda item: item[1]["position"])
    return Shape(
        threads={key: step["thread"] for key, step in steps},
        exits={key: tuple(step["exits"]) for key, step in steps},
        targets={
            (key, name): target
            for key, step in steps
            for name, target in step["exits"].items()
            if target is not None
        },
        triggers=frozenset(key for key, step in steps if step["kind"] == "trigger"),
        entries=tuple(program["entries"].values()),
    )
