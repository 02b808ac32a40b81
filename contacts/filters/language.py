"""
Rules as they are written: `{all: [..]}`, `{any: [..]}`, `{not: rule}` or one leaf.

`parse` takes what a file holds and refuses what no list could give a meaning to;
`problems` then says which names a list does not have. A rule is at most 20 deep and has
at most 200 leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contacts.filters.leaf import Config, LeafType, leaf_types
from contacts.filters.reading import Fault, Malformed, Reader, name_of, within
from contacts.filters.scope import Names

DEPTH_LIMIT = 20
LEAF_LIMIT = 200


@dataclass(frozen=True)
class Group:
    """All or any of some rules."""

    kind: str
    rules: tuple["Rule", ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a rule."""

    rule: "Rule"


@dataclass(frozen=True)
class Leaf:
    """One question; `config` is canonical."""

    type: LeafType
    config: Config


Rule = Group | Not | Leaf


def parse(data: Any, path: str = "") -> Rule:
    """
    Read a rule; `path` is put before the paths of its faults.

    :raises Malformed: with every fault and its path.
    """
    reader = Reader()
    rule = _Parser(reader).rule(data, path, depth=1)
    if reader.faults or rule is None:
        raise Malformed(reader.faults)
    return rule


def write(rule: Rule) -> dict[str, Any]:
    """Return the rule as a canonical file has it."""
    if isinstance(rule, Group):
        return {rule.kind: [write(inner) for inner in rule.rules]}
    if isinstance(rule, Not):
        return {"not": write(rule.rule)}
    if rule.type.flat:
        return dict(rule.config)
    return {rule.type.kind: dict(rule.config)}


def problems(rule: Rule, names: Names, path: str = "") -> list[Fault]:
    """Return (path, sentence) for every name that the list does not have."""
    found: list[Fault] = []
    for leaf, at in leaves(rule, path):
        inner = at if leaf.type.flat else within(at, leaf.type.kind)
        found += leaf.type.problems(leaf.config, names, inner)
    return found


def resolve(rule: Rule, names: Names) -> dict[str, Any]:
    """Return the rule as a program holds it, with ids for names; for one without problems."""
    if isinstance(rule, Group):
        return {rule.kind: [resolve(inner, names) for inner in rule.rules]}
    if isinstance(rule, Not):
        return {"not": resolve(rule.rule, names)}
    return {"leaf": rule.type.kind, **rule.type.resolve(rule.config, names)}


def leaves(rule: Rule, path: str = "") -> Iterator[tuple[Leaf, str]]:
    """Yield every leaf with the path of its mapping."""
    if isinstance(rule, Group):
        for index, inner in enumerate(rule.rules):
            yield from leaves(inner, within(within(path, rule.kind), index))
    elif isinstance(rule, Not):
        yield from leaves(rule.rule, within(path, "not"))
    else:
        yield rule, path


def steps_counted_from(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield (step key, path) of every step of its own conversation that a rule names."""
    for leaf, at in leaves(rule):
        for step, setting in leaf.type.steps_named(leaf.config):
            yield step, within(within(at, leaf.type.kind), setting)


@dataclass
class _Parser:
    """Reads one rule, counting its leaves."""

    reader: Reader
    leaf_count: int = 0

    def rule(self, data: Any, path: str, *, depth: int) -> Rule | None:
        if not isinstance(data, dict):
            self.reader.fault(path, f"A rule is a mapping, not {name_of(data)}.")
            return None
        if depth > DEPTH_LIMIT:
            self.reader.fault(path, f"This rule is more than {DEPTH_LIMIT} deep.")
            return None
        found = [key for key in data if key in {"all", "any", "not"} or key in leaf_types()]
        if len(found) != 1:
            self.reader.fault(path, _no_rule(data, found))
            return None
        kind = str(found[0])
        if kind not in {"all", "any", "not"}:
            return self.leaf(leaf_types()[kind], data, path)
        self.alone(data, kind, path)
        if kind == "not":
            inner = self.rule(data["not"], within(path, "not"), depth=depth + 1)
            return None if inner is None else Not(inner)
        return self.group(kind, data[kind], within(path, kind), depth=depth)

    def group(self, kind: str, data: Any, path: str, *, depth: int) -> Rule | None:
        if not isinstance(data, list):
            self.reader.fault(path, f"This is a list of rules, not {name_of(data)}.")
            return None
        rules: list[Rule] = []
        for index, inner in enumerate(data):
            # The rest would add nothing but work.
            if self.leaf_count > LEAF_LIMIT:
                break
            rule = self.rule(inner, within(path, index), depth=depth + 1)
            if rule is not None:
                rules.append(rule)
        return Group(kind, tuple(rules))

    def leaf(self, leaf: LeafType, data: dict[str, Any], path: str) -> Rule | None:
        self.leaf_count += 1
        if self.leaf_count > LEAF_LIMIT:
            self.reader.fault(path, f"This rule has more than {LEAF_LIMIT} leaves.")
            return None
        if leaf.flat:
            return Leaf(leaf, leaf.read(self.reader, data, path))
        self.alone(data, leaf.kind, path)
        inner = within(path, leaf.kind)
        if not isinstance(data[leaf.kind], dict):
            self.reader.fault(inner, f"This is a mapping, not {name_of(data[leaf.kind])}.")
            return None
        return Leaf(leaf, leaf.read(self.reader, data[leaf.kind], inner))

    def alone(self, data: dict[str, Any], kind: str, path: str) -> None:
        for key in data:
            if key != kind:
                self.reader.fault(within(path, str(key)), f"Nothing stands beside {kind!r}.")


def _no_rule(data: dict[str, Any], found: list[str]) -> str:
    if found:
        return f"A rule is one of these, not several: {', '.join(map(str, found))}."
    known = ", ".join(["all", "any", "not", *sorted(leaf_types())])
    if not data:
        return f"This rule is empty: it is one of {known}."
    return f"There is no rule {', '.join(map(repr, data))}: it is one of {known}."
