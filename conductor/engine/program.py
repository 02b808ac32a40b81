"""A version's program as the engine reads it: steps, where their exits lead, how entry goes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.tenancy import sql
from conductor.steps import StepType, step_types

# Ends an enrollment wherever it is taken: a terminate step has no other exit.
END_EXIT = "end"
KEPT = 500

VERSIONS = sql.Kept("""
    SELECT version.id, version.conversation_id, version.program
    FROM conversations_version AS version
    WHERE version.id = any(%(ids)s::bigint[])
""")


@dataclass(frozen=True)
class Program:
    """What one frozen version does; it never changes, so that a process may keep it."""

    version_id: int
    conversation_id: int
    zone: str
    reentry: Mapping[str, Any]
    triggers: list[dict[str, Any]]
    steps: dict[str, dict[str, Any]]
    expires_at: str
    # Whether an entry replaces an enrollment under way, and whether unsubscribing ends one.
    restarts: bool
    ends_unsubscribed: bool
    goal: Mapping[str, Any] | None
    exit_when: Mapping[str, Any] | None
    # The first step of each thread, by which somebody may be let in without a trigger.
    entries: Mapping[str, str]
    # Of a test run: {speed, own: [email addresses that it may really write to]}.
    rehearsal: Mapping[str, Any]

    def kind(self, key: str) -> StepType[Any]:
        """Return the type of a step."""
        return step_types()[self.steps[key]["kind"]]

    def is_cyclic(self, key: str) -> bool:
        """Say whether a contact can come to a step more than once."""
        return bool(self.steps[key].get("cyclic"))

    @property
    def hurries(self) -> bool:
        """Say whether it is a test run that does not wait."""
        return bool(self.rehearsal.get("speed") == "full")

    @property
    def has_alarms(self) -> bool:
        """Say whether somebody enters by a date of the year."""
        return any(trigger.get("alarm") for trigger in self.triggers)

    def edges(self, key: str) -> list[dict[str, Any]]:
        """Return the exits of a step that lead somewhere, as move_on.sql reads them."""
        return [
            {
                "version_id": self.version_id,
                "step_key": key,
                "exit": name,
                "target": target,
                "passes": self.kind(target).passes or None,
                "is_cyclic": self.is_cyclic(target),
            }
            for name, target in self.steps[key]["exits"].items()
            if target is not None
        ]

    def is_goal(self, key: str) -> bool:
        """Say whether who comes to a step has reached the goal."""
        return bool(self.steps[key]["settings"].get("goal"))

    def exits(self, key: str) -> list[dict[str, Any]]:
        """Return every exit of a step, those that end the enrollment with the reason."""
        step = self.steps[key]
        reasons = {name: name if target is None else None for name, target in step["exits"].items()}
        if END_EXIT not in step["exits"]:
            reasons[END_EXIT] = "goal" if self.is_goal(key) else "terminated"
        return [
            {"version_id": self.version_id, "step_key": key, "exit": name, "reason": reason}
            for name, reason in reasons.items()
        ]


_kept: dict[int, Program] = {}


def programs(version_ids: Iterable[int]) -> dict[int, Program]:
    """Return the programs of versions of the current account, by version id."""
    wanted = set(version_ids)
    # Several threads share what is kept: an answer never rests on what another may clear.
    found = {pk: kept for pk in wanted if (kept := _kept.get(pk)) is not None}
    missing = wanted - found.keys()
    if missing:
        if len(_kept) + len(missing) > KEPT:
            _kept.clear()
        for version_id, conversation_id, compiled in sql.fetch_all(VERSIONS, ids=[*missing]):
            found[version_id] = read_program(version_id, conversation_id, json.loads(compiled))
            _kept[version_id] = found[version_id]
    return found


def read_program(version_id: int, conversation_id: int, compiled: Mapping[str, Any]) -> Program:
    """Read a compiled program."""
    return Program(
        version_id=version_id,
        conversation_id=conversation_id,
        zone=compiled.get("time_zone") or "account",
        reentry=compiled.get("reentry") or {"kind": "once"},
        triggers=list(compiled["triggers"]),
        steps=dict(compiled["steps"]),
        expires_at=compiled.get("expires") or "",
        restarts=compiled.get("while_in") == "restart",
        ends_unsubscribed=compiled.get("on_unsubscribe") == "end",
        goal=compiled.get("goal"),
        exit_when=compiled.get("exit_when"),
        entries=dict(compiled.get("entries") or {}),
        rehearsal=compiled.get("rehearsal") or {},
    )
