"""
From a document without problems to the program that the engine runs.

The program is the same graph with ids for names and every exit resolved:

    {"time_zone": "account" | "contact" | IANA name, "expires": UTC instant | null,
     "reentry": {"kind": "once" | "unlimited" | "after", "months", "days", "seconds"},
     "while_in": "refuse" | "restart", "on_unsubscribe": "continue" | "end",
     "exit_when": rule | null, "goal": rule | null,
     "watches": [[kind of fact, external event id, segment id]],
     "entries": {first step of a thread: its name},
     "triggers": [{"thread", "step_key", "next", and the trigger's compiled settings}],
     "steps": {key: {"kind", "thread", "position", "name", "settings",
                     "exits": {name: key | null}, "cyclic"}}}

An exit to null ends the enrollment. Triggers stand in file order: the first that matches
a fact lets the contact in. `watches` are the facts for which those inside are asked again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from conductor.conversations.document import Document, Heading
from conductor.conversations.graph import Exits, cyclic, resolved_exits
from conductor.conversations.names import ListNames
from conductor.steps import resolved_rule, step_types
from contacts.durations import Duration, local_instant, parse_duration
from contacts.filters import Heard


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
    heading = document.heading
    rules = {
        "exit_when": resolved_rule(heading.exit_when, names),
        "goal": resolved_rule(heading.goal, names),
    }
    return {
        "time_zone": document.heading.time_zone,
        "expires": expires_at(document.heading, zone),
        "reentry": _reentry(document.heading),
        "while_in": document.heading.while_in,
        "on_unsubscribe": document.heading.on_unsubscribe,
        **rules,
        "watches": _watches(document, steps, rules),
        "entries": {thread.steps[0].key: thread.name for thread in document.threads},
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


class Hearing(NamedTuple):
    """A fact that a conversation listens to, and in which role; see contacts.models.Listener."""

    role: str
    kind: str
    external_event_id: int | None = None
    segment_id: int | None = None


# Months, days, seconds.
Span = tuple[int, int, float]


def listeners(program: Mapping[str, Any]) -> dict[Hearing, Span | None]:
    """
    Return what the program listens to, in all roles, each with how old it may be at most.

    That is of orders and of interest in products only, the longest of the triggers that
    hear of it; None is any age.
    """
    found: dict[Hearing, Span | None] = {}
    for trigger in program["triggers"]:
        if trigger.get("alarm"):
            for kind in _changes_of_date(program):
                found[Hearing("alarm", kind)] = None
            continue
        span = _span(trigger)
        for event_id in trigger["external_event_ids"] or [None]:
            hearing = Hearing("trigger", trigger["kind"], event_id, trigger.get("segment_id"))
            found[hearing] = _longer(span, found[hearing]) if hearing in found else span
    watches = [Hearing("watch", *watch) for watch in program.get("watches", [])]
    whatever = Hearing("watch", "any")
    found |= dict.fromkeys([whatever] if whatever in watches else watches)
    return found


def _changes_of_date(program: Mapping[str, Any]) -> list[str]:
    """Return the facts that set a yearly date anew: of the profile, and of the contact's zone."""
    kinds = ["added", "profile_updated"]
    return [*kinds, "contact_updated"] if program["time_zone"] == "contact" else kinds


def _span(trigger: Mapping[str, Any]) -> Span | None:
    span = trigger.get("max_age") or trigger.get("within")
    return (span["months"], span["days"], span["seconds"]) if span else None


def _longer(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return None
    return max(one, other, key=lambda span: Duration(*span).approximate_days)


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


# Whatever a conversation asks: who is gone or has another address leaves it.
ALWAYS_HEARD: set[Heard] = {("address_changed", None, None), ("deleted", None, None)}
HEARD_OF_UNSUBSCRIBED: set[Heard] = {
    ("unsubscribed", None, None),
    ("stopped", None, None),
    ("bounced", None, None),
}


# A goal and an exit rule are asked at every new fact, whatever it says.
ANY_FACT: set[Heard] = {("any", None, None)}


def _watches(
    document: Document, steps: Mapping[str, Any], rules: Mapping[str, Any]
) -> list[list[Any]]:
    """Return the facts for which those inside are asked again, in a stable order."""
    heard = set(ALWAYS_HEARD)
    if document.heading.on_unsubscribe == "end":
        heard |= HEARD_OF_UNSUBSCRIBED
    if any(rule is not None for rule in rules.values()):
        heard |= ANY_FACT
    for step in steps.values():
        heard |= step_types()[step["kind"]].hears(step["settings"])
    # "deleted" is told of by itself: there is nobody left to hear of anything else.
    heard = ANY_FACT | {("deleted", None, None)} if heard >= ANY_FACT else heard
    return [list(fact) for fact in sorted(heard, key=str)]


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


def entry_into(entries: Mapping[str, str], thread: str) -> str | None:
    """Return the first step of a thread, of any where none is named; None if there is none."""
    return next((key for key, name in entries.items() if not thread or name == thread), None)
