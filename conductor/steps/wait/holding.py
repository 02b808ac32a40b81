"""
Who goes on when, as SQL: every way to wait gives a due time, and the window moves it.

A contact whose due time has come leaves by `next`, one that comes too late for its target
by `past`, one without a date by `no_date`. What a wait reads, it reads on arrival only.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conductor.clocks import LENGTH, OWN_ZONE, own_zones
from conductor.steps import HERE, Arrivals, fields_here
from conductor.steps.wait.dates import by_field, by_parts, fields_of

# Whose time has come goes on, whatever has become of the contact meanwhile.
LET_GO = f"UPDATE arrivals SET exit = 'next' WHERE {HERE} AND arrivals.is_due"

# One instant for all who arrive now: nothing is read, and the time is worked out once.
HOLD_ALL = f"""
    UPDATE arrivals
    SET
        due_at = CASE WHEN {{exit}} IS NULL THEN {{due}} END,
        exit = {{exit}}
    WHERE {HERE} AND NOT arrivals.is_due
"""

# `aimed` gives, for the row of `arrivals` at hand, arrived_at, zone, due (NULL: no date) and
# is_past. It is asked row by row: joined to a table that the planner knows nothing of, it
# would be worked out for every pair. The fence keeps a due time from being worked out once
# for each time that it is named.
HOLD_EACH = f"""
    UPDATE arrivals
    SET
        (due_at, exit) = (
            SELECT
                CASE WHEN wake.exit IS NULL THEN wake.due END,
                wake.exit
            FROM (
                SELECT
                    target.due,
                    CASE
                        WHEN target.due IS NULL THEN 'no_date'
                        WHEN target.is_past THEN 'past'
                        WHEN target.due <= %(now)s THEN 'next'
                    END AS exit
                FROM (
                    SELECT aimed.is_past, {{due}} AS due FROM ({{aimed}}) AS aimed OFFSET 0
                ) AS target
            ) AS wake
        )
    WHERE {HERE} AND NOT arrivals.is_due
"""

# Those who arrive: what a wait reads, it reads on arrival only.
ARRIVES = "NOT arrivals.is_due"


def hold(arrivals: Arrivals) -> None:
    """Hold each contact until its time; release those whose time has come."""
    settings = arrivals.settings
    arrivals.run(LET_GO)
    if not fields_here(arrivals, fields_of(settings), ARRIVES):
        return
    own = settings["zone"] == "contact" and _reads_zone(settings)
    if settings["mode"] in {"until_field", "until_parts"}:
        _hold_by_date(arrivals, own=own)
    elif own:
        _hold_by_own_clock(arrivals)
    else:
        _hold_all(arrivals)


def _reads_zone(settings: Mapping[str, Any]) -> bool:
    """Say whether the due time is another one in another zone."""
    if settings.get("window"):
        return True
    if settings["mode"] == "for":
        return bool(settings["months"] or settings["days"])
    if settings["mode"] == "until":
        return datetime.fromisoformat(settings["until"]).tzinfo is None
    return True


def _moment(settings: Mapping[str, Any], zone: str, arrived_at: str) -> tuple[str, dict[str, Any]]:
    """Return the due time of `for` and `until` before the window, with its parameters."""
    if settings["mode"] == "for":
        given = {name: settings[name] for name in ("months", "days", "seconds")}
        return f"add_duration({arrived_at}, {LENGTH}, {zone})", given
    until = settings["until"]
    if datetime.fromisoformat(until).tzinfo is None:
        return f"local_instant(%(until)s::timestamp, {zone})", {"until": until}
    return "%(until)s::timestamptz", {"until": until}


def _opened(settings: Mapping[str, Any], due: str, zone: str) -> tuple[str, dict[str, Any]]:
    """Move a due time forward into the window, if there is one."""
    window = settings.get("window")
    if not window:
        return due, {}
    given = {f"window_{name}": window[name] for name in ("days", "from", "to")}
    opened = "%(window_days)s, %(window_from)s::time, %(window_to)s::time"
    return f"open_from({due}, {opened}, {zone})", given


def _hold_all(arrivals: Arrivals) -> None:
    settings = arrivals.settings
    # Who does not read it may as well have the account's.
    named = "account" if settings["zone"] == "contact" else settings["zone"]
    zone = arrivals.zone(named)
    moments, given = [], {}
    for arrived_at in ("%(now)s::timestamptz", "arrivals.arrived_at"):
        target, of_target = _moment(settings, zone, arrived_at)
        opened, of_window = _opened(settings, target, zone)
        moments.append((target, opened))
        given = {**of_target, **of_window}
    (target, now_due), (_, late_due) = moments
    due = f"CASE WHEN arrivals.arrived_at = %(now)s THEN {now_due} ELSE {late_due} END"
    if now_due == late_due:
        due = now_due
    past = f"WHEN {target} <= arrivals.arrived_at THEN 'past'"
    leave = (
        f"CASE {past if settings['mode'] == 'until' else ''} WHEN {due} <= %(now)s THEN 'next' END"
    )
    arrivals.run(HOLD_ALL.format(due=due, exit=leave), **given)


AIMED_BY_OWN_CLOCK = f"""
    SELECT own.arrived_at, own.zone, {{due}} AS due, {{is_past}} AS is_past
    FROM (
        SELECT arrivals.arrived_at, {OWN_ZONE} AS zone
        FROM contacts_contact AS contact
        WHERE contact.id = arrivals.contact_id
    ) AS own
"""


def _hold_by_own_clock(arrivals: Arrivals) -> None:
    """Hold by the contact's own zone."""
    settings = arrivals.settings
    target, given = _moment(settings, "own.zone", "own.arrived_at")
    is_past = f"{target} <= own.arrived_at" if settings["mode"] == "until" else "FALSE"
    due, of_window = _opened(settings, "aimed.due", "aimed.zone")
    aimed = AIMED_BY_OWN_CLOCK.format(due=target, is_past=is_past)
    zones = own_zones(arrivals, ARRIVES)
    arrivals.run(HOLD_EACH.format(due=due, aimed=aimed), **given, **of_window, **zones)


def _hold_by_date(arrivals: Arrivals, *, own: bool) -> None:
    """Hold until a day that the profile has, or has parts of; without one: `no_date`."""
    settings = arrivals.settings
    by = by_field if settings["mode"] == "until_field" else by_parts
    aimed, given = by(settings, OWN_ZONE if own else arrivals.zone(settings["zone"]))
    if own:
        given |= own_zones(arrivals, ARRIVES)
    # A window is for those who are to go on, now or later.
    due, of_window = _opened(settings, "greatest(aimed.due, aimed.arrived_at)", "aimed.zone")
    leaves_at_once = "aimed.is_past OR aimed.due IS NULL"
    due = f"CASE WHEN {leaves_at_once} THEN aimed.due ELSE {due} END" if of_window else "aimed.due"
    arrivals.run(HOLD_EACH.format(due=due, aimed=aimed), **given, **of_window)
