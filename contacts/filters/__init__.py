"""
Filters: rules over what we know of a contact, compiled to one SQL condition.

A rule is written with names (conversation-file.md, "Rules"), `parse`d, asked for its
`problems` on a list, `resolve`d to ids when a conversation is published, and compiled by
`condition`. Every leaf is true or false, never unknown.
"""

from contacts.filters.condition import (
    Condition,
    condition,
    count,
    hears,
    matching,
    members,
    sentence,
)
from contacts.filters.language import (
    Rule,
    leaves,
    parse,
    problems,
    resolve,
    steps_counted_from,
    write,
)
from contacts.filters.leaf import Heard
from contacts.filters.reading import Malformed
from contacts.filters.scope import Names, VanishedError

__all__ = [
    "Condition",
    "Heard",
    "Malformed",
    "Names",
    "Rule",
    "VanishedError",
    "condition",
    "count",
    "hears",
    "leaves",
    "matching",
    "members",
    "parse",
    "problems",
    "resolve",
    "sentence",
    "steps_counted_from",
    "write",
]
