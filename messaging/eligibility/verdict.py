"""What a statement asks about each of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """
    What a statement asks about each of its rows: SQL over documented aliases.

    `joins` follow the statement's own; `refusal` is a reason or NULL; where it is NULL,
    `held_until` is until when the message is held (NULL: not at all) and `held_reason` why.
    `params` go with the statement, which has `now` besides. A verdict without holds has no joins.
    """

    refusal: str
    joins: str = ""
    held_reason: str = "NULL::text"
    held_until: str = "NULL::timestamptz"
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether anybody may be held."""
        return bool(self.joins)


# (condition, reason): the first whose condition holds.
Case = tuple[str, str]


def case(cases: Sequence[Case], *, other: str = "NULL::text") -> str:
    """Return the first reason whose condition holds, as SQL; `other` where none does."""
    if not cases:
        return other
    whens = "\n".join(
        f"            WHEN {condition} THEN '{reason}'" for condition, reason in cases
    )
    return f"CASE\n{whens}\n            ELSE {other}\n        END"
