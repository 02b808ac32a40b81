"""One tick: claim, intake, run to rest, flush; all in the caller's transaction."""

import json
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.tenancy import current_account_id, sql
from conductor.engine.arrivals import StepArrivals, execute_step
from conductor.engine.endings import end_woken
from conductor.engine.intake import Entrance, Intake, take_in
from conductor.engine.program import Program, programs
from conductor.steps import HERE

# An enrollment that has made this many visits in one tick goes round in a circle.
MOST_VISITS = 100
TICK_FAILED = "tick failed"
TABLES = ("create_enrolled", "create_arrivals", "create_outbox", "create_facts")

Group = tuple[int, str]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tick:
    """What one tick did: rows of its account."""

    claimed: int = 0
    facts: int = 0
    entered: int = 0
    visits: int = 0
    deliveries: int = 0

    @property
    def rows(self) -> int:
        """How many enrollments and facts it took up: 0 when there was nothing to do."""
        return self.claimed + self.facts


@dataclass
class Journey:
    """The steps that the tick's enrollments came through, for the flush."""

    now: datetime
    account_zone: str
    programs: dict[int, Program]
    passed: set[Group] = field(default_factory=set)
    # (conversation id, step key, name) of what is only counted.
    tallies: Counter[tuple[int, str, str]] = field(default_factory=Counter)

    def exits(self) -> list[dict[str, Any]]:
        """Return the exits of the steps passed, as the flush reads them."""
        return [row for version, key in self.passed for row in self.programs[version].exits(key)]


def run_tick(*, now: datetime, limit: int, suspect: bool = False) -> Tick:
    """
    Move the current account's contacts as far as they go at `now`.

    Takes up to `limit` due enrollments and as many facts of live conversations. Must run
    inside `in_account`, once a transaction: its temporary tables empty at the commit. What
    another transaction has locked is passed over, not waited for. A `suspect` tick takes up
    one enrollment or one fact and sets it aside instead: ticks with it have failed again
    and again.
    """
    live = sql.fetch_all(_statement("live_conversations"), now=now)
    if not live:
        return Tick()
    sql.execute(";".join(_statement(table) for table in TABLES))
    account_zone = Account.objects.values_list("time_zone", flat=True).get(
        pk=current_account_id() or 0
    )
    if suspect:
        return _set_aside(live, account_zone, now)
    claimed = _claim([row[0] for row in live if row[3]], now, limit)
    intake = _take_in([row for row in live if row[4]], account_zone, now, limit)
    inside = claimed + intake.replaced + intake.woken
    if not inside and not intake.entered:
        return Tick(facts=intake.taken)
    journey = Journey(now=now, account_zone=account_zone, programs={})
    _run_to_rest(journey, was_claimed=bool(claimed), woken=intake.woken)
    visits, deliveries = _flush(journey, has_inside=bool(inside), has_new=bool(intake.entered))
    return Tick(claimed, intake.taken, intake.entered, visits, deliveries)


def _set_aside(live: list[tuple[Any, ...]], account_zone: str, now: datetime) -> Tick:
    """Hold the enrollment that is due first; where none is, refuse the oldest fact."""
    claimed = _claim([row[0] for row in live if row[3]][:1], now, 1)
    if claimed:
        log.error("An enrollment is held: each tick with it has failed.")
        sql.execute("UPDATE arrivals SET due_at = NULL, held_reason = %(why)s", why=TICK_FAILED)
        sql.execute(_statement("update_enrollments"), now=now, exits="[]")
        return Tick(claimed=claimed)
    log.error("A fact is refused: each tick with it has failed.")
    doors = [row for row in live if row[4]][:1]
    return Tick(facts=_take_in(doors, account_zone, now, 1, TICK_FAILED).taken)


def _statement(name: str) -> str:
    return sql.statement("conductor.engine", name)


def _claim(conversation_ids: list[int], now: datetime, limit: int) -> int:
    if not conversation_ids:
        return 0
    return sql.execute(
        _statement("claim_due"),
        conversation_ids=conversation_ids,
        now=now,
        each=max(1, limit // len(conversation_ids)),
    )


def _take_in(
    live: list[tuple[Any, ...]],
    account_zone: str,
    now: datetime,
    limit: int,
    refusal: str = "",
) -> Intake:
    if not live:
        return Intake()
    found = programs(row[1] for row in live)
    return take_in(
        entrances=[Entrance(row[0], row[2], found[row[1]]) for row in live],
        account_zone=account_zone,
        now=now,
        limit=limit,
        refusal=refusal,
    )


def _run_to_rest(journey: Journey, *, was_claimed: bool, woken: int) -> None:
    """Run wave after wave of steps, until every enrollment waits, is held or has ended."""
    groups = _first_wave(journey, woken=woken)
    wave = 1
    while groups:
        for version_id, step_key in groups:
            journey.passed.add((version_id, step_key))
            arrivals = _arrivals(journey, version_id, step_key, wave)
            if wave == 1 and was_claimed:
                _name_exit(arrivals)
            execute_step(arrivals)
            for name, count in arrivals.tallies.items():
                conversation_id = arrivals.program.conversation_id
                journey.tallies[(conversation_id, step_key, name)] += count
        groups = _move_on(journey, groups, wave)
        wave += 1
        if wave > MOST_VISITS:
            return


def _first_wave(journey: Journey, *, woken: int) -> list[Group]:
    """Return the steps to run, when those in wave 0 have left, or stay, without it."""
    places = sql.fetch_all(_statement("first_wave"))
    journey.programs = programs({row[0] for row in places})
    if woken:
        waking = [
            (version_id, key)
            for version_id, key, wave, _ in places
            if wave == 0 and journey.programs[version_id].kind(key).wakes
        ]
        end_woken(
            journey.programs.values(),
            waking=waking,
            account_zone=journey.account_zone,
            now=journey.now,
        )
        places = sql.fetch_all(_statement("first_wave"))
    aside = [(row[0], row[1]) for row in places if row[2] == 0]
    if aside:
        journey.passed.update(aside)
        _move_on(journey, aside, 0)
        places = sql.fetch_all(_statement("first_wave"))
    return [(row[0], row[1]) for row in places if row[2] == 1]


def _arrivals(journey: Journey, version_id: int, step_key: str, wave: int) -> StepArrivals:
    return StepArrivals(
        program=journey.programs[version_id],
        step_key=step_key,
        wave=wave,
        now=journey.now,
        account_zone=journey.account_zone,
    )


def _name_exit(arrivals: StepArrivals) -> None:
    """Name the exit of those who run a step again that everybody passes (a retry)."""
    passes = arrivals.program.kind(arrivals.step_key).passes
    if passes:
        arrivals.run(f"UPDATE arrivals SET exit = %(passes)s WHERE {HERE}", passes=passes)


def _move_on(journey: Journey, groups: Iterable[Group], wave: int) -> list[Group]:
    """Let those who left their step arrive at the next; return who is where now."""
    edges = [edge for version, key in groups for edge in journey.programs[version].edges(key)]
    if not edges:
        return []
    moved = sql.fetch_all(
        _statement("move_on"),
        now=journey.now,
        wave=wave,
        held_reason="loop" if wave == MOST_VISITS else None,
        edges=json.dumps(edges),
    )
    return [(version_id, step_key) for version_id, step_key, _ in moved]


def _flush(journey: Journey, *, has_inside: bool, has_new: bool) -> tuple[int, int]:
    """Write enrollments, visits and deliveries, each in one statement."""
    exits = json.dumps(journey.exits())
    # One that is replaced ends before the one that replaces it begins.
    if has_inside:
        sql.execute(_statement("update_enrollments"), now=journey.now, exits=exits)
    if has_new:
        sql.execute(_statement("insert_enrollments"), now=journey.now, exits=exits)
    if journey.tallies:
        _count(journey)
    visits = sql.execute(
        _statement("insert_visits"),
        now=journey.now,
        programs=json.dumps(
            [
                {"version_id": program.version_id, "conversation_id": program.conversation_id}
                for program in journey.programs.values()
            ]
        ),
    )
    deliveries = sql.execute(_statement("insert_deliveries"), now=journey.now)
    return visits, deliveries


def _count(journey: Journey) -> None:
    tallies = [
        {"conversation_id": conversation_id, "step_key": key, "name": name, "total": total}
        for (conversation_id, key, name), total in journey.tallies.items()
    ]
    sql.execute(_statement("count_tallies"), now=journey.now, tallies=json.dumps(tallies))
