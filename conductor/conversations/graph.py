"""The conversation as a graph: where every exit leads, what is reachable, what goes round."""

from collections.abc import Iterable, Mapping

from conductor.conversations.document import Document, ThreadNode
from conductor.steps import END, NEXT

# Per step key, where each exit leads: a step key, or None where the enrollment ends.
Exits = dict[str, dict[str, str | None]]


def resolved_exits(document: Document) -> Exits:
    """Return where every exit of every step leads; a target may not exist."""
    return {
        step.key: _exits_of(thread, place)
        for thread in document.threads
        for place, step in enumerate(thread.steps)
    }


def _exits_of(thread: ThreadNode, place: int) -> dict[str, str | None]:
    step = thread.steps[place]
    following = thread.steps[place + 1].key if place + 1 < len(thread.steps) else None
    meaning = {NEXT: following, END: None}
    return {
        name: step.exits[name] if name in step.exits else meaning.get(default, default)
        for name, default in step.type.exits(step.config).items()
    }


def reachable(document: Document, exits: Exits) -> set[str]:
    """Return the keys of the steps that a contact can come to, from a trigger that hears."""
    waiting = [
        thread.steps[0].key for thread in document.threads if thread.steps and starts(thread)
    ]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [target for target in exits.get(key, {}).values() if target is not None]
    return found & exits.keys()


def starts(thread: ThreadNode) -> bool:
    """Say whether contacts enter by this thread: not one that only a Go To leads to."""
    first = thread.steps[0]
    return first.kind == "trigger" and not first.config.none


def cyclic(exits: Exits) -> set[str]:
    """Return the keys of the steps on any cycle."""
    return {key for ring in rings(exits) for key in ring}


def loops_without_wait(document: Document, exits: Exits) -> list[set[str]]:
    """Return the rings in which no step surely holds a contact for a time."""
    holding = {key for key, step in document.steps().items() if step.type.holds(step.config)}
    return rings({key: leads for key, leads in exits.items() if key not in holding})


def rings(exits: Mapping[str, Mapping[str, str | None]]) -> list[set[str]]:
    """Return the sets of steps that can reach one another, or themselves."""
    forward = {
        key: [target for target in leads.values() if target in exits]
        for key, leads in exits.items()
    }
    backward: dict[str, list[str]] = {key: [] for key in exits}
    for key, targets in forward.items():
        for target in targets:
            backward[str(target)].append(key)
    found: list[set[str]] = []
    taken: set[str] = set()
    for key in reversed(_by_finish(forward)):
        if key not in taken:
            ring = _spread(key, backward, taken)
            taken |= ring
            if len(ring) > 1 or key in forward[key]:
                found.append(ring)
    return found


def _by_finish(forward: Mapping[str, Iterable[str | None]]) -> list[str]:
    """Order steps by when a walk in depth is done with them (Kosaraju's first pass)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in forward:
        stack = [(start, iter(forward[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            key, targets = stack[-1]
            target = next((step for step in targets if step not in seen), None)
            if target is None:
                order.append(key)
                stack.pop()
            else:
                seen.add(target)
                stack.append((target, iter(forward[target])))
    return order


def _spread(start: str, edges: Mapping[str, list[str]], barred: set[str]) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        key = waiting.pop()
        if key not in found and key not in barred:
            found.add(key)
            waiting += edges[key]
    return found
