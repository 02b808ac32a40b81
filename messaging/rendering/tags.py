"""Where a template says something: its tags, without comments and what is raw."""

import re
from collections.abc import Iterator

PARTS = re.compile(
    r"\{#.*?#\}"
    r"|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"
    r"|\{\{(?P<value>.*?)\}\}"
    r"|\{%(?P<statement>.*?)%\}",
    re.DOTALL,
)


def tags(source: str) -> Iterator[tuple[int, str, bool]]:
    """Yield the line and the inside of each tag, and whether it is a statement."""
    at, line = 0, 1
    for part in PARTS.finditer(source):
        line += source.count("\n", at, part.start())
        at = part.start()
        if part["value"] is not None:
            yield line, part["value"], False
        elif part["statement"] is not None:
            yield line, part["statement"], True
