"""
What a template names, and which of it there is not.

A template is read tag by tag, as MiniJinja will: a path is a name with what follows it,
`contact.first_name` or `fields["Profile.Size"]`. Names that the template gives itself (`set`,
`for`, `with`, `macro`) are its own affair.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import Any

from messaging.rendering.tags import tags

Path = tuple[str, ...]

TOKEN = re.compile(
    r"(?P<text>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|<=|>=|//|\*\*|[^\s\w])",
    re.DOTALL,
)
WORDS = frozenset(
    [
        *("and", "or", "not", "in", "is", "if", "else", "recursive"),
        *("true", "false", "none", "True", "False", "None"),
    ]
)
# What stands first in a statement, and what its names are.
ASKING = frozenset(["if", "elif"])
NAMING = frozenset(["set", "with", "for", "macro", "call"])
NAMELESS = frozenset(["filter", "block", "autoescape", "else", "break", "continue"])
GLOBAL = frozenset(["range", "dict", "lipsum", "cycler", "joiner", "loop", "self", "caller"])
DEFAULTS = frozenset(["default", "d"])
PLAIN = re.compile(r"[A-Za-z_]\w*")
# A level that knows no names of its own: whatever stands below it may be there.
ANYTHING: Mapping[str, Any] = {}
Token = tuple[str, str]


@dataclass(frozen=True)
class Mention:
    """A path in a template, its line, and whether nothing is shown where it is missing."""

    path: Path
    line: int
    is_shown: bool = True


@dataclass(frozen=True)
class Unknown:
    """A path that there is not: as it is written, its line, and the nearest that there is."""

    name: str
    line: int
    nearest: str

    def __str__(self) -> str:
        meant = f" Did you mean {self.nearest}?" if self.nearest else ""
        return f"Line {self.line}: there is no {self.name}; it is left empty.{meant}"


@lru_cache(maxsize=1024)
def mentions(source: str) -> tuple[Mention, ...]:
    """
    Return what a template names and does not itself set, in order.

    `is_shown` is False in a condition, after `default`, and for what a condition asks about:
    there the marketer has thought of its absence.
    """
    found: list[Mention] = []
    own: set[str] = set(GLOBAL)
    asked: set[Path] = set()
    for line, said, is_statement in tags(source):
        tokens = [(str(one.lastgroup), one[0]) for one in TOKEN.finditer(said.strip("+- \t\r\n"))]
        word = tokens[0][1] if is_statement and tokens else ""
        if word in NAMELESS or word.startswith("end"):
            continue
        if word in NAMING:
            own |= names_given(word, tokens)
        is_asking = word in ASKING
        is_safe = is_asking or has_default(tokens)
        for path in paths(tokens[1:] if word else tokens):
            if is_asking or ("name", "if") in tokens[1 if word else 0 :]:
                asked.add(path)
            found.append(Mention(path, line, not is_safe))
    return tuple(
        Mention(one.path, one.line, one.is_shown and one.path not in asked)
        for one in found
        if one.path[0] not in own
    )


def names_given(word: str, tokens: list[Token]) -> set[str]:
    """Return the names that a statement sets: of `for` up to its `in`, of others before a `=`."""
    names = [(place, text) for place, (kind, text) in enumerate(tokens) if kind == "name"]
    if word == "for":
        end = next((place for place, text in names if text == "in"), len(tokens))
        return {text for place, text in names[1:] if place < end}
    if word in {"macro", "call"}:
        return {text for place, text in names[1:] if tokens[place - 1][1] in {"(", ",", "macro"}}
    ends = [place for place, token in enumerate(tokens) if token == ("sign", "=")]
    if word == "set":
        end = ends[0] if ends else 2
        return {text for place, text in names[1:] if place < end}
    return {tokens[place - 1][1] for place in ends}


def has_default(tokens: list[Token]) -> bool:
    """Say whether a tag has the filter that stands in for what is missing."""
    pipe = ("sign", "|")
    return any(one == pipe and two[1] in DEFAULTS for one, two in pairwise(tokens))


def paths(tokens: list[Token]) -> Iterator[Path]:
    """Yield the paths of an expression; filters, tests, functions and arguments' names are none."""
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        before = tokens[place - 1][1] if place else ""
        after = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        is_test = before == "is" or (before == "not" and tokens[place - 2][1] == "is")
        place += 1
        if kind != "name" or text in WORDS or before in {"|", "."} or is_test:
            continue
        if after in {"=", "("}:
            continue
        path = [text, *steps_below(tokens, place)]
        yield tuple(path)


def steps_below(tokens: list[Token], place: int) -> Iterator[str]:
    """Yield what follows a name: `.word` and `["word"]`, up to where that is known by writing."""
    while place + 1 < len(tokens):
        sign, (kind, text) = tokens[place][1], tokens[place + 1]
        if sign == "." and kind == "name":
            yield text
            place += 2
        elif sign == "[" and kind == "text" and tokens[place + 2 : place + 3] == [("sign", "]")]:
            yield text[1:-1].replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")
            place += 3
        else:
            return


def written(path: Path) -> str:
    """Return a path as a template writes it."""
    return path[0] + "".join(
        f".{step}" if PLAIN.fullmatch(step) else '["{}"]'.format(step.replace('"', '\\"'))
        for step in path[1:]
    )


def unknown_names(source: str, known: Mapping[str, Any]) -> list[Unknown]:
    """
    Return what a template names and there is not, each path once, in order.

    `known`: name -> what is below it (`ANYTHING`: not known), or None for a value.
    """
    found: dict[Path, Unknown] = {}
    for mention in mentions(source):
        if mention.path not in found and not is_known(mention.path, known):
            name = written(mention.path)
            found[mention.path] = Unknown(name, mention.line, nearest(mention.path, known))
    return list(found.values())


def is_known(path: Path, known: Mapping[str, Any]) -> bool:
    """Say whether there is a place for a value at a path."""
    level: Mapping[str, Any] | None = known
    for step in path:
        if level is ANYTHING:
            return True
        if level is None or step not in level:
            return False
        level = level[step]
    return True


def is_there(path: Path, context: Mapping[str, Any]) -> bool:
    """Say whether a recipient's values hold a path."""
    level: Any = context
    for step in path:
        if not isinstance(level, dict) or step not in level:
            return False
        level = level[step]
    return True


def nearest(path: Path, known: Mapping[str, Any]) -> str:
    """Return the known name that a path may have meant, "" where none is like it."""
    if known.get(path[0], ANYTHING) is None:
        return path[0]
    there = {plain(written(one)): written(one) for one in all_paths(known)}
    # `first_name` alone means `contact.first_name`, more often than not.
    alone = {plain(one.rpartition(".")[2]): one for one in reversed(there.values())}
    wanted = plain(written(path))
    close = get_close_matches(wanted, there, n=1, cutoff=0.75)
    if close and (len(path) > 1 or wanted not in alone):
        return there[close[0]]
    close = get_close_matches(plain(path[-1]), alone, n=1, cutoff=0.75)
    return alone[close[0]] if close else ""


def plain(name: str) -> str:
    """Return a name without what people get wrong: case, underscores, brackets."""
    return re.sub(r"[\W_]+", " " if "." in name else "", name.replace("_", "")).strip().lower()


def all_paths(known: Mapping[str, Any], above: Path = ()) -> Iterable[Path]:
    """Yield every path to a value."""
    for name, below in known.items():
        if below:
            yield from all_paths(below, (*above, name))
        else:
            yield (*above, name)
