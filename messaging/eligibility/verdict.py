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
    def reason(self) -> str:
        """Why a row is not written to now, as SQL; '' where it is."""
        return reason_of(self.refusal, self.held_reason, self.held_until)

    @property
    def holds(self) -> bool:
        """Whether anybody may be held."""
        return bool(self.joins)


def reason_of(refusal: str, held_reason: str, held_until: str) -> str:
    """Return the SQL of why a row is not written to now: refused, else held, else ''."""
    return f"coalesce({refusal}, CASE WHEN {held_until} IS NOT NULL THEN {held_reason} END, '')"


def state_of(refusal: str, held_until: str, *, else_: str) -> str:
    """Return the SQL of the state that a delivery has by what was asked about it."""
    return (
        f"CASE WHEN {refusal} IS NOT NULL THEN 'skipped' "
        f"WHEN {held_until} IS NOT NULL THEN 'deferred' ELSE '{else_}' END"
    )


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
