"""
Intake: facts from the queue become enrollments, refusals, wakes, or stay queued.

What is in the queue was heard when it happened: the version live then has a trigger of its kind,
for its event or segment. Which of the triggers mean it (statuses, fields, age, filter), and where
they lead, the version live at the tick says.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.tenancy import current_account_id, sql
from conductor.clocks import is_by_calendar
from conductor.engine.program import Program
from conductor.engine.tallies import Tallies, count_fallbacks, note_fallbacks
from conductor.engine.triggers import REFUSE, Entrance, ask_triggers
from conductor.engine.watch import Watch

# The first key of the advisory locks that let one intake at a time into an account.
INTAKE_LOCK = 7_302
# One contact's facts are decided one after the other: more of them in a tick only go back.
CROWD = 16
# Facts that let in by themselves: neither a trigger nor its filter is asked.
UNASKED = ("enroll", "by_hand")

# The first fact of a contact, in order, that enters it and replaces an enrollment.
REPLACED = """
    SELECT first.enrollment_id
    FROM (
        SELECT DISTINCT ON (fact.conversation_id, fact.contact_id) fact.enrollment_id
        FROM facts AS fact
        WHERE fact.refusal IS NULL AND fact.trigger_number IS NOT NULL
        ORDER BY fact.conversation_id, fact.contact_id, fact.recorded_at, fact.id
    ) AS first
    WHERE first.enrollment_id IS NOT NULL
"""
END_REPLACED = """
    UPDATE arrivals
    SET wave = 0, exit = 'end', end_reason = 'restarted', is_woken = FALSE
    WHERE arrivals.enrollment_id = any(%(ids)s::bigint[]) AND NOT arrivals.is_new
"""
# One that is replaced, or told where to go, is over for the rules of those inside.
WAKE = """
    UPDATE arrivals
    SET is_woken = TRUE
    WHERE
        arrivals.enrollment_id = any(%(ids)s::bigint[])
        AND arrivals.end_reason IS NULL
        AND NOT arrivals.is_new
"""
ASKED = """
    SELECT DISTINCT fact.enrollment_id
    FROM facts AS fact
    WHERE fact.kind = 'wake' AND fact.enrollment_id IS NOT NULL
"""
# Those who were inside before, and for whom it was asked how long ago.
COMING_BACK = """
    SELECT fact.contact_id
    FROM facts AS fact
    WHERE
        fact.conversation_id = %(conversation_id)s
        AND fact.kind <> 'wake'
        AND fact.entry_number > 1
        AND (fact.refusal IS NULL OR fact.refusal = 'entered lately')
"""
OF_ENROLLMENTS = """
    SELECT fact.id
    FROM facts AS fact
    WHERE
        fact.enrollment_id = any(%(ids)s::bigint[])
        AND (fact.kind = 'wake') = %(wakes)s
        AND fact.refusal IS NULL
"""


@dataclass(frozen=True)
class Intake:
    """What became of the queue's facts: rows of the temporary tables."""

    taken: int = 0
    entered: int = 0
    replaced: int = 0
    woken: int = 0
    # Contacts with so many facts in the queue that they may stand in the others' way.
    crowding: tuple[int, ...] = ()


def take_in(
    *,
    entrances: Iterable[Entrance],
    account_zone: str,
    now: datetime,
    shares: Mapping[int, int],
    tallies: Tallies,
    passed_over: Sequence[int] = (),
    watch: Watch | None = None,
) -> Intake:
    """
    Take facts, up to each conversation's share; those who enter are in `arrivals`.

    The facts of contacts who are `passed_over` are taken only if there are no others.

    One intake at a time: without the lock nothing is taken. Whom a wake concerns is in
    `arrivals`, in wave 0 and `is_woken`; an entry that replaces an enrollment ends that one
    there. What is about an enrollment that is locked elsewhere stays queued.
    """
    # A statement of its own: the next one's snapshot is taken under the lock, so that
    # re-entry is decided against what is committed.
    if not _is_ours():
        return Intake()
    doors = list(entrances)
    taken, asking, wakes, strays, replacing, crowding = _take(
        doors, account_zone, now, shares, passed_over
    )
    if strays:
        sql.execute(_statement("find_strays"))
    if wakes and asking:
        behind = sql.fetch_all(_statement("facts_behind_wakes"))
        taken -= _put_back([row[0] for row in behind])
        asking -= sum(row[1] for row in behind)
    let_in = Intake()
    if asking:
        _count_reentries(doors, account_zone, tallies)
        ask_triggers(doors, account_zone=account_zone, now=now, tallies=tallies, watch=watch)
        let_in = _let_in(doors, now, asking=asking, wakes=wakes, replacing=bool(replacing))
    woken, stay = _wake() if wakes else (0, 0)
    return replace(let_in, taken=taken + let_in.taken - stay, woken=woken, crowding=crowding)


def refuse_oldest(entrance: Entrance, *, account_zone: str, now: datetime, reason: str) -> int:
    """Refuse the oldest fact of a conversation, or drop it if it is a wake; return how many."""
    if not _is_ours():
        return 0
    taken = _take([entrance], account_zone, now, {entrance.conversation_id: 1})[0]
    sql.execute(REFUSE, reason=reason, ids=_ids("SELECT fact.id FROM facts AS fact"))
    sql.execute(_statement("keep_refusals"), now=now)
    return taken


def _is_ours() -> bool:
    """Let one intake at a time into the account."""
    return bool(
        sql.fetch_value(
            "SELECT pg_try_advisory_xact_lock(%(key)s, %(account)s)",
            key=INTAKE_LOCK,
            account=(current_account_id() or 0) % 2**31,
        )
    )


def _let_in(
    doors: list[Entrance], now: datetime, *, asking: int, wakes: int, replacing: bool
) -> Intake:
    """Enter whom a fact enters, keep the refusals; `taken` is 0, less what stays queued."""
    replaced, stay = _replace() if replacing else (0, 0)
    entered = sql.execute(
        _statement("enter"),
        now=now,
        triggers=json.dumps([row for door in doors for row in _entries(door)]),
    )
    is_all_entered = entered == asking - stay
    if entered and (wakes or not is_all_entered):
        stay += _put_back(_ids(_statement("later_facts")))
    if not is_all_entered:
        sql.execute(_statement("keep_refusals"), now=now)
    return Intake(taken=-stay, entered=entered, replaced=replaced)


def _statement(name: str) -> str:
    return sql.statement("conductor.engine", name)


def _ids(statement: str, /, **params: Any) -> list[int]:
    return [row[0] for row in sql.fetch_all(statement, **params)]


def _put_back(fact_ids: list[int]) -> int:
    """Put facts back into the queue; return how many."""
    if not fact_ids:
        return 0
    return sql.execute(_statement("put_back"), fact_ids=fact_ids)


def _replace() -> tuple[int, int]:
    """End what an entry replaces; return how many, and how many facts stay queued for a lock."""
    wanted = _ids(REPLACED)
    if not wanted:
        return 0, 0
    locked = _ids(_statement("claim_known"), enrollment_ids=wanted)
    sql.execute(END_REPLACED, ids=locked)
    elsewhere = sorted(set(wanted) - set(locked))
    stay = _put_back(_ids(OF_ENROLLMENTS, ids=elsewhere, wakes=False)) if elsewhere else 0
    return len(locked), stay


def _wake() -> tuple[int, int]:
    """Claim those whom a wake concerns; return how many, and how many wakes stay queued."""
    wanted = _ids(ASKED)
    if not wanted:
        return 0, 0
    locked = _ids(_statement("claim_known"), enrollment_ids=wanted)
    if locked:
        sql.execute(WAKE, ids=locked)
    elsewhere = sorted(set(wanted) - set(locked))
    stay = _put_back(_ids(OF_ENROLLMENTS, ids=elsewhere, wakes=True)) if elsewhere else 0
    # Who is over, whatever the fact says, ends with the others.
    return len(locked), stay


def _take(
    doors: list[Entrance],
    account_zone: str,
    now: datetime,
    shares: Mapping[int, int],
    passed_over: Sequence[int] = (),
) -> tuple[int, int, int, int, int, tuple[int, ...]]:
    """Take facts; see take_facts.sql for what is counted."""
    conversations = [
        {
            "conversation_id": door.conversation_id,
            "share": shares[door.conversation_id],
            "list_id": door.list_id,
            "reentry": door.program.reentry["kind"],
            "months": door.program.reentry.get("months", 0),
            "days": door.program.reentry.get("days", 0),
            "seconds": door.program.reentry.get("seconds", 0),
            "zone": door.program.zone,
            "is_expired": _has_expired(door.program, now),
            "restarts": door.program.restarts,
            "alarms": door.program.has_alarms,
        }
        for door in doors
    ]
    row = sql.fetch_one(
        _statement("take_facts"),
        now=now,
        conversations=json.dumps(conversations),
        triggers=json.dumps([row for door in doors for row in _meanings(door)]),
        account_zone=account_zone,
        crowd=CROWD,
        passed_over=list(passed_over),
    )
    taken, asking, wakes, strays, replacing, crowding = row or (0, 0, 0, 0, 0, None)
    return taken, asking, wakes, strays, replacing, tuple(crowding or ())


def _count_reentries(doors: list[Entrance], account_zone: str, tallies: Tallies) -> None:
    """Count whose re-entry went by the account's calendar for want of their own."""
    for door in doors:
        if is_by_calendar(door.program.reentry, door.program.zone):
            count = count_fallbacks(
                COMING_BACK, account_zone=account_zone, conversation_id=door.conversation_id
            )
            note_fallbacks(tallies, door.conversation_id, "", count)


def _has_expired(program: Program, now: datetime) -> bool:
    return bool(program.expires_at) and datetime.fromisoformat(program.expires_at) <= now


def _meanings(door: Entrance) -> list[dict[str, Any]]:
    """Return what each trigger means, as take_facts.sql reads it; entries come after them."""
    program = door.program
    found = []
    for number, trigger in enumerate(program.triggers):
        meaning = {
            "conversation_id": door.conversation_id,
            "number": number,
            "kind": trigger["kind"],
            "segment_id": trigger.get("segment_id"),
            "step_key": trigger["step_key"],
            "has_filter": trigger["filter"] is not None,
            # None is any of them.
            "field_ids": [str(field) for field in trigger.get("field_ids") or ()] or None,
            "statuses": trigger.get("statuses") or None,
            **(trigger.get("max_age") or trigger.get("within") or {}),
        }
        events = trigger["external_event_ids"] or [None]
        found += [{**meaning, "external_event_id": event} for event in events]
    for number, step_key in enumerate(program.entries, len(program.triggers)):
        entry = {
            "conversation_id": door.conversation_id,
            "number": number,
            "step_key": step_key,
            "has_filter": False,
        }
        found += [{**entry, "kind": kind} for kind in UNASKED]
    return found


def _entries(door: Entrance) -> list[dict[str, Any]]:
    """Return where each trigger lets its contacts in, as enter.sql reads it."""
    program = door.program
    places = [(trigger["step_key"], trigger["thread"]) for trigger in program.triggers]
    places += program.entries.items()
    return [
        {
            "conversation_id": door.conversation_id,
            "number": number,
            "version_id": program.version_id,
            "list_id": door.list_id,
            "thread": thread,
            "step_key": step_key,
            "exit": program.kind(step_key).passes,
            "is_cyclic": program.is_cyclic(step_key),
        }
        for number, (step_key, thread) in enumerate(places)
    ]
