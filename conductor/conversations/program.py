"""
From a document without problems to the program that the engine runs.

The program is the same graph with ids for names and every exit resolved:

    {"time_zone": "account" | "contact" | IANA name, "expires": UTC instant | null,
     "reentry": {"kind": "once" | "unlimited" | "after", "months", "days", "seconds"},
     "triggers": [{"thread", "step_key", "kind", "external_event_ids", "filter", "next"}],
     "steps": {key: {"kind", "thread", "position", "name", "settings",
                     "exits": {name: key | null}, "cyclic"}}}

An exit to null ends the enrollment. Triggers stand in file order: the first that matches
a fact lets the contact in.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from conductor.conversations.document import Document, Heading
from conductor.conversations.graph import Exits, cyclic, resolved_exits
from conductor.conversations.names import ListNames
from contacts.durations import local_instant, parse_duration


def compile_program(
    document: Document, names: ListNames, *, messages: Mapping[str, int], zone: ZoneInfo
) -> dict[str, Any]:
    """
    Compile a document without problems.

    `messages` maps a message step's key to the committed message it sends, its overrides
    folded in; `zone` is the account's.
    """
    exits = resolved_exits(document)
    steps = _steps(document, names, exits, messages)
    return {
        "time_zone": document.heading.time_zone,
        "expires": expires_at(document.heading, zone),
        "reentry": _reentry(document.heading),
        "triggers": _triggers(steps),
        "steps": steps,
    }


def expires_at(heading: Heading, zone: ZoneInfo) -> str | None:
    """Return the instant (UTC, ISO 8601) from which nobody enters; None is never."""
    if not heading.expires:
        return None
    written = datetime.fromisoformat(heading.expires)
    instant = local_instant(written, zone) if written.tzinfo is None else written.astimezone(UTC)
    return instant.isoformat()


def listeners(program: Mapping[str, Any]) -> set[tuple[str, int | None]]:
    """Return what the program listens to: (kind of fact, id of the external event or None)."""
    found: set[tuple[str, int | None]] = set()
    for trigger in program["triggers"]:
        if trigger["kind"] == "external_event":
            found |= {("external_event", event_id) for event_id in trigger["external_event_ids"]}
        else:
            found.add((trigger["kind"], None))
    return found


def _steps(
    document: Document, names: ListNames, exits: Exits, messages: Mapping[str, int]
) -> dict[str, Any]:
    round_and_round = cyclic(exits)
    compiled = {}
    for position, (_, thread, step) in enumerate(document.places()):
        settings = step.type.compile(step.config, names)
        if step.key in messages:
            settings["committed_id"] = messages[step.key]
        compiled[step.key] = {
            "kind": step.kind,
            "thread": thread.name,
            "position": position,
            "name": step.name,
            "settings": settings,
            "exits": exits[step.key],
            "cyclic": step.key in round_and_round,
        }
    return compiled


def _triggers(steps: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "thread": step["thread"],
            "step_key": key,
            **step["settings"],
            "next": step["exits"]["next"],
        }
        for key, step in steps.items()
        if step["kind"] == "trigger" and step["settings"]["kind"] != "none"
    ]


def _reentry(heading: Heading) -> dict[str, Any]:
    if isinstance(heading.reentry, str):
        return {"kind": heading.reentry}
    after = parse_duration(heading.reentry.after)
    return {"kind": "after", "months": after.months, "days": after.days, "seconds": after.seconds}
