"""
When the clock alone may next change a rule's answer: SQL, a moment after now or NULL.

An answer that rests on windows and dates changes without a fact. A segment that is kept
up to date asks each contact again at the moment that `next_change` gives, and not before:
it may be early (then nothing has changed, and there is a next one), never late.

A window of months or days is counted on the wall clock, which does not run evenly: clocks
change, months end. How it runs in the days to come is found out here, in Python, once for
all contacts: it is even but for a `turn`. Close to a window's end a contact is asked at
the end, if the clock ran on evenly, and at each turn; further off, `SLACK` before it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contacts.durations import Duration, add_duration, parse_duration
from contacts.filters import saved
from contacts.filters.leaf import leaf_types
from contacts.filters.scope import Scope

# How far apart the uneven clock and an even one can be, over five years: the ends of months
# and leap days make a week. And how often a day it is looked at: clocks change at quarters.
SLACK = timedelta(days=8)
QUARTER = timedelta(minutes=15)
COARSE = 24
NEVER = "NULL::timestamptz"
# A date far off is as good as none, and Python has no year 10000.
FAR = "interval '100 years'"


@dataclass
class Clock:
    """
    What the moments of one rule are written with.

    `scope` binds parameters and names the zone, whose Python twin is `zone`; `now` is the
    value of the parameter of that name. `joins` follow the tables that are asked: of values
    worked out once and, where `bulk`, of facts that are grouped once.
    """

    scope: Scope
    zone: ZoneInfo
    now: datetime
    joins: list[str] = field(default_factory=list)
    turns: dict[Duration, datetime | None] = field(default_factory=dict)

    def of_facts(self, table: str, contact: str, where: Iterable[str], moments: list[str]) -> str:
        """Return the least of some moments over a contact's rows of a table."""
        asked = " AND ".join(where) or "true"
        if not self.scope.bulk:
            return (
                f"(SELECT min({least(moments)}) FROM {table} "
                f"WHERE {contact} = subscription.contact_id AND {asked})"
            )
        name = f"clock_{len(self.joins)}"
        self.joins.append(
            f"LEFT JOIN (SELECT {contact} AS contact_id, min({least(moments)}) AS moment "
            f"FROM {table} WHERE {asked} GROUP BY {contact}) AS {name} "
            f"ON {name}.contact_id = subscription.contact_id"
        )
        return f"{name}.moment"

    def once(self, value: str) -> str:
        """Have a value of the subscription worked out once, not wherever it is named."""
        name = f"clock_{len(self.joins)}"
        # OFFSET keeps the planner from writing the value out again.
        self.joins.append(f"CROSS JOIN LATERAL (SELECT {value} AS value OFFSET 0) AS {name}")
        return f"{name}.value"

    def window(self, at: str, recorded: str, within: str | None) -> str:
        """
        Return when a fact comes into or leaves the last `within`, or all that has been.

        A fact to come counts from the later of its two times.
        """
        now = self.scope.now
        comes = f"greatest({at}, {recorded})"
        leaves = NEVER if within is None else self._leaves(at, parse_duration(within))
        return f"CASE WHEN {comes} > {now} THEN {comes} ELSE {leaves} END"

    def recent(self, at: str, recorded: str, within: str | None) -> list[str]:
        """Return conditions that keep the facts of which `window` gives a moment."""
        if within is None:
            return [f"greatest({at}, {recorded}) > {self.scope.now}"]
        start = self.scope.ago(parse_duration(within))
        return [f"{at} >= {start} - interval '{SLACK.days} days'"]

    def days(self, operators: Mapping[str, Any], day: str) -> list[str]:
        """Return when a date, an SQL expression, may come to fit operators or cease to."""
        found = []
        for name, argument in operators.items():
            if name in DAYS:
                changes = DAYS[name](self, day, parse_duration(argument))
                found.append(
                    f"local_instant(least({', '.join(changes)})::timestamp, {self.scope.zone})"
                )
        return found

    def turn(self, duration: Duration) -> datetime | None:
        """
        Return when the clock next runs unevenly, for a window of this length; None = not soon.

        The moment is a quarter of an hour of UTC: from it on, now minus the duration is no
        longer as far from now as it is at present.
        """
        if duration not in self.turns:
            self.turns[duration] = self._find_turn(duration)
        return self.turns[duration]

    def _find_turn(self, duration: Duration) -> datetime | None:
        minutes = self.now.minute - self.now.minute % 15
        start = self.now.astimezone(UTC).replace(minute=minutes, second=0, microsecond=0)

        def shape(quarter: int) -> tuple[timedelta, timedelta]:
            first = start + quarter * QUARTER
            last = first + QUARTER - timedelta(microseconds=1)
            return (
                add_duration(first, -duration, self.zone) - first,
                add_duration(last, -duration, self.zone) - last,
            )

        present = shape(0)
        if present[0] != present[1]:
            return start + QUARTER
        soon = (SLACK + timedelta(days=1)) // QUARTER
        late = next((at for at in range(COARSE, soon, COARSE) if shape(at) != present), None)
        if late is None:
            return None
        early = late - COARSE
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if shape(middle) == present else (early, middle)
        return start + late * QUARTER

    def _leaves(self, at: str, duration: Duration) -> str:
        now, start = self.scope.now, self.scope.ago(duration)
        end = f"{now} + ({at} - {start}) + interval '1 microsecond'"
        if not duration.months and not duration.days:
            return f"CASE WHEN {at} >= {start} THEN {end} END"
        slack = f"interval '{SLACK.days} days'"
        far = f"WHEN {at} > {start} + {slack} THEN {end} - {slack}"
        turn = self.turn(duration)
        if turn is None:
            return f"CASE {far} WHEN {at} >= {start} THEN {end} END"
        bound = self.scope.bind(turn, "timestamptz")
        return (
            f"CASE {far} WHEN {at} >= {start} THEN least({end}, {bound}) "
            f"WHEN {at} >= {start} - {slack} THEN {bound} END"
        )


def next_change(resolved: Mapping[str, Any], clock: Clock) -> str:
    """
    Return the moment after now at which the clock alone may change a rule's answer.

    :raises VanishedError: if a segment that it asks for is gone.
    """
    found: list[str] = []
    for leaf in saved.reach(resolved):
        found += leaf_types()[leaf["leaf"]].moments(dict(leaf), clock)
    if not found:
        return NEVER
    moment = least(found)
    return f"CASE WHEN {moment} < {clock.scope.now} + {FAR} THEN {moment} END"


def least(moments: list[str]) -> str:
    """Return the least of some moments; NULL is none."""
    return f"least({', '.join(dict.fromkeys(moments))})" if moments else NEVER


def _shifted(day: str, duration: Duration) -> str:
    return (
        f"({day} + make_interval(months => {duration.months:d}, days => {duration.days:d}))::date"
    )


def _around(clock: Clock, day: str, duration: Duration) -> str:
    """
    Return the day at which a date, shifted, is passed, if it is to come.

    The opposite of a shift by months is not exact: about that day every day is asked.
    """
    today = clock.scope.today
    if not duration.months:
        return f"CASE WHEN {day} > {today} THEN {day} END"
    return (
        f"CASE WHEN {day} - {SLACK.days} > {today} THEN {day} - {SLACK.days} "
        f"WHEN {day} + {SLACK.days} >= {today} THEN {today} + 1 END"
    )


def _in_last(clock: Clock, day: str, duration: Duration) -> list[str]:
    today = clock.scope.today
    leaves = _around(clock, f"({_shifted(day, duration)} + 1)", duration)
    return [f"CASE WHEN {day} > {today} THEN {day} ELSE {leaves} END"]


def _in_next(clock: Clock, day: str, duration: Duration) -> list[str]:
    today = clock.scope.today
    return [
        _around(clock, _shifted(day, -duration), duration),
        f"CASE WHEN {day} >= {today} THEN {day} + 1 END",
    ]


def _anniversary(clock: Clock, day: str, duration: Duration) -> list[str]:
    today = clock.scope.today
    years = f"(extract(year FROM {today}) - extract(year FROM {day}))::int"
    this = f"({day} + make_interval(years => {years}))::date"
    following = f"({day} + make_interval(years => {years} + 1))::date"
    coming = f"CASE WHEN {this} >= {today} THEN {this} ELSE {following} END"
    return [f"({coming}) + 1", _around(clock, _shifted(f"({coming})", -duration), duration)]


DAYS = {"in_last": _in_last, "in_next": _in_next, "anniversary_in": _anniversary}


def clock_of(*, zone: str, now: datetime, prefix: str, bulk: bool) -> Clock:
    """Return the clock of an account's segments; `zone` is the account's."""
    scope = Scope(zone="%(zone)s::text", prefix=prefix, enrolled=False, bulk=bulk)
    return Clock(scope, ZoneInfo(zone), now)
