"""
From the text of a conversation file to plain structure: YAML 1.2 core schema, or JSON.

`on`, `yes` and dates are text, tags are refused, aliases are few, duplicate keys and text
that PostgreSQL cannot hold are faults. What comes out is dicts, lists, text, numbers,
booleans and None.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

LARGEST_FILE = 1_000_000  # bytes
MOST_ALIASES = 100
# Aliases of aliases grow without growing the file; so what they stand for is counted.
MOST_NODES = 300_000
DEEPEST = 64
LARGEST_NUMBER = 1e15
LONGEST_NUMBER = 1000

Media = Literal["any", "json", "yaml"]


@dataclass(frozen=True)
class Fault:
    """What makes a file malformed, and where: `threads[0].steps[2].wait.for`."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class MalformedConversationError(ValueError):
    """The file is no conversation; nothing was stored."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(str(faults[0]))
        self.faults = faults


class Mapping(dict[str, Any]):
    """A mapping as it was read, with what was wrong with its keys."""

    key_faults: list[Fault]


def read_structure(written: bytes | str, *, media: Media = "any") -> Any:
    """
    Read YAML or JSON; `any` takes a text that begins with a brace as JSON if it is JSON.

    :raises MalformedConversationError: with every fault that can be told.
    """
    text = _decode(written)
    structure = _read_json_or_yaml(text, media)
    faults = list(_value_faults(structure, ""))
    if faults:
        raise MalformedConversationError(faults)
    return structure


def step_path(path: str, part: str | int) -> str:
    """Return the path one step further in: a name after a dot, a number in brackets."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def _malformed(text: str, path: str = "") -> MalformedConversationError:
    return MalformedConversationError([Fault(path, text)])


def _decode(written: bytes | str) -> str:
    content = written.encode("utf-8", "surrogatepass") if isinstance(written, str) else written
    if len(content) > LARGEST_FILE:
        raise _malformed("A conversation file is at most 1 MB.")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        raise _malformed(f"The file is not UTF-8 (byte {fault.start + 1}).") from fault


def _read_json_or_yaml(text: str, media: Media) -> Any:
    if media == "json":
        return _read_json(text)
    if media == "any" and text.lstrip()[:1] == "{":
        try:
            return _read_json(text)
        except MalformedConversationError as no_json:
            # A YAML file may begin with a brace, too.
            try:
                return _read_yaml(text)
            except MalformedConversationError:
                raise no_json from None
    return _read_yaml(text)


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_json_object, parse_constant=_no_constant)
    except json.JSONDecodeError as fault:
        raise _malformed(f"Line {fault.lineno}, column {fault.colno}: {fault.msg}.") from fault
    except RecursionError as fault:
        raise _malformed("The file is nested too deeply.") from fault
    except ValueError as fault:
        raise _malformed(f"The file is not JSON: {fault}.") from fault


def _json_object(pairs: list[tuple[str, Any]]) -> Mapping:
    found = Mapping(pairs)
    seen: set[str] = set()
    found.key_faults = []
    for key, _ in pairs:
        if key in seen:
            found.key_faults.append(Fault(key, "This key stands here twice."))
        seen.add(key)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _read_yaml(text: str) -> Any:
    parser = yaml.CSafeLoader(text)
    try:
        return _Composer(parser).compose()
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        place = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _malformed(f"{place}{fault.problem or fault.context}.") from fault
    except yaml.YAMLError as fault:
        raise _malformed(f"The file is not YAML: {' '.join(str(fault).split())}.") from fault
    finally:
        parser.dispose()


@dataclass
class _Composer:
    """Builds values from the events of one YAML document."""

    parser: Any
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    aliases: int = 0
    nodes: int = 0

    def compose(self) -> Any:
        """Return the only document's value."""
        self.take(yaml.StreamStartEvent)
        if self.parser.check_event(yaml.StreamEndEvent):
            raise _malformed("The file is empty.")
        self.take(yaml.DocumentStartEvent)
        value = self.node(0)
        self.take(yaml.DocumentEndEvent)
        if not self.parser.check_event(yaml.StreamEndEvent):
            raise _malformed("The file holds more than one document.")
        return value

    def take(self, kind: type[yaml.Event]) -> yaml.Event:
        """Take the next event, which the parser's grammar makes of this kind."""
        event: yaml.Event = self.parser.get_event()
        if not isinstance(event, kind):
            raise _malformed("The file is not YAML.")
        return event

    def node(self, depth: int) -> Any:
        """Build one value: scalar, sequence, mapping, or what an alias stands for."""
        event = self.parser.get_event()
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if event.tag is not None:
            raise _malformed(f"{_place(event)}tags such as {event.tag} are not allowed.")
        if depth > DEEPEST:
            raise _malformed(f"{_place(event)}nested too deeply.")
        before = self.nodes
        self.count(1)
        builders: dict[type, Callable[[Any, int], Any]] = {
            yaml.ScalarEvent: lambda scalar, _: plain_value(scalar.value, plain=scalar.implicit[0]),
            yaml.SequenceStartEvent: self.sequence,
            yaml.MappingStartEvent: self.mapping,
        }
        value = builders[type(event)](event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before)
        return value

    def alias(self, event: yaml.AliasEvent) -> Any:
        """Return the anchored value, counting all that it stands for."""
        self.aliases += 1
        if self.aliases > MOST_ALIASES:
            raise _malformed(f"A conversation file has at most {MOST_ALIASES} aliases.")
        if event.anchor not in self.anchors:
            raise _malformed(f"{_place(event)}*{event.anchor} is not defined before its use.")
        value, size = self.anchors[event.anchor]
        self.count(size)
        return value

    def count(self, nodes: int) -> None:
        """Refuse a file that unfolds into too much."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise _malformed(f"The file holds more than {MOST_NODES:,} values, aliases unfolded.")

    def sequence(self, _: yaml.Event, depth: int) -> list[Any]:
        """Build a list."""
        items = []
        while not self.parser.check_event(yaml.SequenceEndEvent):
            items.append(self.node(depth + 1))
        self.parser.get_event()
        return items

    def mapping(self, _: yaml.Event, depth: int) -> Mapping:
        """Build a mapping; keys are text, each once."""
        found = Mapping()
        found.key_faults = []
        while not self.parser.check_event(yaml.MappingEndEvent):
            key, value = self.node(depth + 1), self.node(depth + 1)
            if not isinstance(key, str):
                found.key_faults.append(Fault("", f"A key is text, not {_shown(key)}."))
            elif key in found:
                found.key_faults.append(Fault(key, "This key stands here twice."))
            else:
                found[key] = value
        self.parser.get_event()
        return found


def plain_value(text: str, *, plain: bool) -> Any:
    """Return what a scalar means in the core schema; a quoted one is always text."""
    if not plain:
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.lower() in {"true", "false"} and text in CORE_BOOLEANS:
        return CORE_BOOLEANS[text]
    return _number(text)


CORE_BOOLEANS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def _number(text: str) -> Any:
    """Return the number that a plain scalar writes, or the text itself."""
    is_decimal = INTEGER.fullmatch(text)
    if is_decimal or OCTAL.fullmatch(text) or HEXADECIMAL.fullmatch(text):
        # Longer ones are out of range whatever they are.
        return int(text, 10 if is_decimal else 0) if len(text) < LONGEST_NUMBER else math.inf
    if FLOAT.fullmatch(text):
        return float(text)
    if INFINITE.fullmatch(text):
        return math.inf
    return text


def _value_faults(value: Any, path: str) -> Iterator[Fault]:
    """Find duplicate keys, text that cannot be stored, numbers out of range, with paths."""
    if isinstance(value, dict):
        for fault in getattr(value, "key_faults", ()):
            yield Fault(step_path(path, fault.path) if fault.path else path, fault.text)
        for key, inner in value.items():
            yield from _text_faults(key, path)
            yield from _value_faults(inner, step_path(path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _value_faults(inner, step_path(path, place))
    elif isinstance(value, str):
        yield from _text_faults(value, path)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
        yield Fault(path, "This number is out of range.")


def _text_faults(text: str, path: str) -> Iterator[Fault]:
    if "\0" in text:
        yield Fault(path, "Text cannot hold a NUL character.")
    elif any("\ud800" <= character <= "\udfff" for character in text):
        yield Fault(path, "Text cannot hold half of a character (a lone surrogate).")


def _place(event: yaml.Event) -> str:
    mark = event.start_mark
    return f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _shown(key: Any) -> str:
    shown = json.dumps(key, default=str)
    return shown if len(shown) <= 40 else shown[:37] + "..."
