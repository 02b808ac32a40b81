"""What a step and its exits are called, and where exits lead."""

from typing import Any

KEY_PATTERN = r"[a-z][a-z0-9_-]{0,62}"


# Where an exit leads when the file says nothing: the step that follows, or nowhere.
# Neither is a step key, which begins with a letter: a step may well be called `end`.
NEXT = ">next"


END = ">end"


Rule = dict[str, Any]


# Exits that every step has or may be told; no group and no branch may be called so.
TAKEN_EXITS = frozenset({"end", "else", "!end"})
