"""
From structure to the text of a conversation file: canonical, the same bytes each time.

A step's settings stand on one line where they fit; texts of several lines are literal
blocks. Whatever YAML 1.1 or 1.2 would read as something else than text is quoted.
"""

import io
import json
from typing import Any

import yaml

from conductor.conversations.reading import plain_value

# Longer settings are written line by line.
WIDEST = 110
UNFOLDED = 10**9

# Collections that always stand line by line, by their path.
SPREAD = {
    "", "threads", "threads[]", "threads[].steps", "threads[].steps[]", "messages", "messages[]",
    "sms_messages", "sms_messages[]", "fields", "events",
}  # fmt: skip


class _Writer(yaml.SafeDumper):
    """Writes no anchors; lists are indented below their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: FBT001, FBT002
        return super().increase_indent(flow, False)  # noqa: FBT003


def _represent_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Choose how a text is written, so that it is read back as the same text."""
    style = None
    if _is_block(text):
        style = "|"
    elif not text.isprintable() or not isinstance(plain_value(text, plain=True), str):
        style = '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_block(text: str) -> bool:
    """Say whether a literal block gives the text back unchanged."""
    if "\n" not in text or text[0] in " \n":
        return False
    return all(line.isprintable() and line == line.rstrip() for line in text.split("\n"))


_Writer.add_representer(str, _represent_text)
# What was read comes in a dict of its own kind.
_Writer.add_multi_representer(dict, yaml.SafeDumper.represent_dict)


def write_yaml(structure: dict[str, Any]) -> str:
    """Write a document's structure, its keys in their order, as canonical YAML."""
    writer = _Writer(io.StringIO(), sort_keys=False, default_flow_style=False)
    root = writer.represent_data(structure)
    _fold(root, "")
    return _serialize(root)


def write_json(structure: dict[str, Any]) -> str:
    """Write a document's structure as JSON, two spaces a level."""
    return json.dumps(structure, ensure_ascii=False, indent=2) + "\n"


def _serialize(node: yaml.Node) -> str:
    written: str = yaml.serialize(node, Dumper=_Writer, width=UNFOLDED, allow_unicode=True)
    return written


def _fold(node: yaml.Node, path: str) -> None:
    """Put each collection that fits on one line; look into those that do not."""
    if not isinstance(node, yaml.CollectionNode):
        return
    if path not in SPREAD and _fits(node):
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _fold(value, f"{path}.{key.value}".strip("."))
    else:
        for item in node.value:
            _fold(item, f"{path}[]")


def _fits(node: yaml.CollectionNode) -> bool:
    """Turn a collection into one line; if that is too long, leave it as it was."""
    if _least_width(node, WIDEST) > WIDEST:
        return False
    _set_flow(node, flow=True)
    line = _serialize(node).rstrip("\n")
    if len(line) <= WIDEST and "\n" not in line:
        return True
    _set_flow(node, flow=False)
    return False


def _least_width(node: yaml.Node, most: int) -> int:
    """Count the characters that a line needs at least, stopping above `most`."""
    if isinstance(node, yaml.ScalarNode):
        return most + 1 if node.style == "|" else len(node.value)
    width = 2
    for part in _inner(node):
        width += 2 + _least_width(part, most - width)
        if width > most:
            break
    return width


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _set_flow(node: yaml.Node, *, flow: bool) -> None:
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = flow
    for part in _inner(node):
        _set_flow(part, flow=flow)
