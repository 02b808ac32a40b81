"""One tick: claim, intake, run to rest, flush; all in the caller's transaction."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.engine.alarms import ring
from conductor.engine.arrivals import StepArrivals, execute_step, write_deliveries
from conductor.engine.endings import end_woken
from conductor.engine.ground import FEW, clear_away, lay_out
from conductor.engine.intake import Intake, refuse_oldest, take_in
from conductor.engine.program import Program, programs
from conductor.engine.rehearsal import hurry, keep_apart
from conductor.engine.shares import shares
from conductor.engine.tallies import Tallies, write_tallies
from conductor.engine.triggers import Entrance
from conductor.engine.watch import TICK_FAILED, Watch
from conductor.stepping.budget import Budget
from conductor.steps import HERE
from contacts import segments

# An enrollment that has made this many visits in one tick goes round in a circle.
MOST_VISITS = 100

HOLD_UNMOVED = """
    UPDATE arrivals
    SET exit = NULL, end_reason = NULL, due_at = NULL, held_reason = %(reason)s
"""

# The places that those who move on arrive at.
WHERE_NOW = """
    WITH moved AS ({move_on} RETURNING version_id, step_key)

    SELECT DISTINCT moved.version_id, moved.step_key
    FROM moved
    ORDER BY moved.version_id, moved.step_key
"""

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
    # Of the visits, those of test runs.
    rehearsed: int = 0
    # Alarms, and contacts that a segment was asked for again.
    chores: int = 0
    # Contacts whose many facts may stand in the others' way.
    crowding: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """How many enrollments and facts it took up: 0 when there was nothing to do."""
        return self.claimed + self.facts + self.chores


@dataclass
class Journey:
    """The steps that the tick's enrollments came through, for the flush."""

    now: datetime
    account_zone: str
    programs: dict[int, Program]
    passed: set[Group] = field(default_factory=set)
    tallies: Tallies = field(default_factory=Tallies)
    watch: Watch | None = None
    budget: Budget = field(default_factory=Budget)
    # Whether the plans of its statements are kept.
    is_small: bool = False

    def statement(self, name: str) -> str:
        """Return the text of one of the engine's statements."""
        return _kept(name) if self.is_small else _statement(name)

    def has_messages(self) -> bool:
        """Say whether a step was passed that sends something."""
        return any(
            self.programs[version].kind(key).family == "message" for version, key in self.passed
        )

    def may_reach_goals(self) -> bool:
        """Say whether anybody in the tick may have come to a goal."""
        return any(program.goal is not None for program in self.programs.values()) or any(
            self.programs[version].is_goal(key) for version, key in self.passed
        )

    def exits(self) -> list[dict[str, Any]]:
        """Return the exits of the steps passed, as the flush reads them."""
        return [row for version, key in self.passed for row in self.programs[version].exits(key)]


def run_tick(
    *,
    now: datetime,
    limit: int,
    watch: Watch | None = None,
    passed_over: Sequence[int] = (),
) -> Tick:
    """
    Move the current account's contacts as far as they go at `now`.

    Takes up to `limit` due enrollments and as many facts of live conversations. Must run
    inside `in_account`. What another transaction has locked is passed over, not waited for;
    contacts named as `passed_over` enter, and are asked again, only where nobody else is.
    A tick with a `watch` notes where it is, and fails where its rows cannot stand: one before
    it was not heard of. Plans that are kept go on reading the tables that they were made for:
    not for a session in which temporary tables hide the engine's.
    """
    chores = _do_chores(now, limit)
    live = sql.fetch_all(_kept("live_conversations"), now=now)
    if not live:
        return Tick(chores=chores)
    if watch is not None:
        watch.pass_on()
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    journey = _set_out(live, now, watch)
    due, queued = _shares(live, now, limit)
    claimed = _claim(due, now)
    doors = [row for row in live if row[0] in queued]
    if doors:
        _plan_for_many(allowed=True)
    intake = _take_in(doors, journey, queued, passed_over)
    journey.is_small = claimed + intake.taken <= FEW
    if bool(doors) == journey.is_small:
        _plan_for_many(allowed=not journey.is_small)
    done = _move(journey, claimed=claimed, intake=intake)
    clear_away(claimed + intake.taken)
    return replace(done, chores=chores, crowding=intake.crowding)


def run_part(*, now: datetime, limit: int, set_aside: bool) -> Tick:
    """
    Run a tick of due enrollments alone or, where there are none, of facts alone.

    For an account whose ticks fail again and again with nobody to blame at any step. To
    `set_aside` holds the enrollment that is due first unmoved; or refuses the oldest fact.
    """
    _plan_for_many(allowed=False)
    live = sql.fetch_all(_kept("live_conversations"), now=now)
    if not live:
        return Tick()
    done = _run_part(_set_out(live, now, None), live, limit, set_aside=set_aside)
    clear_away(done.rows)
    return done


def _run_part(
    journey: Journey, live: list[tuple[Any, ...]], limit: int, *, set_aside: bool
) -> Tick:
    now = journey.now
    # Less than one of each is no share: the first conversations, as many as may be.
    due, queued = _shares(live, now, limit)
    doors = [row for row in live if row[0] in queued][:limit]
    claimed = _claim(dict(list(due.items())[:limit]), now)
    if claimed and set_aside:
        log.error("An enrollment is held: each tick with it has failed.")
        sql.execute(HOLD_UNMOVED, reason=TICK_FAILED)
        sql.execute(_statement("update_enrollments"), now=now, exits="[]")
        return Tick(claimed=claimed)
    if claimed:
        return _move(journey, claimed=claimed, intake=Intake())
    if set_aside:
        log.error("A fact is refused: each tick with it has failed.")
        found = _entrances(doors)[0]
        zone = journey.account_zone
        return Tick(facts=refuse_oldest(found, account_zone=zone, now=now, reason=TICK_FAILED))
    return _move(journey, claimed=0, intake=_take_in(doors, journey, queued))


def _do_chores(now: datetime, limit: int) -> int:
    """Keep segments and ring alarms: what they write is recorded `now`, this tick takes it in."""
    keeps, rings, misjudged = (sql.fetch_one(_kept("look"), now=now) or (True, True, []))[:3]
    if misjudged:
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=list(misjudged))
    if not keeps and not rings:
        return 0
    _plan_for_many(allowed=True)
    chores = segments.keep(now=now, limit=limit) + ring(now=now, limit=limit).rows
    _plan_for_many(allowed=False)
    return chores


def _plan_for_many(*, allowed: bool) -> None:
    sql.execute(_statement("plan_for"), many="on" if allowed else "off")


def _set_out(live: list[tuple[Any, ...]], now: datetime, watch: Watch | None) -> Journey:
    """Lay out the tick's tables."""
    lay_out()
    return Journey(now=now, account_zone=live[0][5], programs={}, watch=watch)


def _move(journey: Journey, *, claimed: int, intake: Intake) -> Tick:
    """Run whoever is in the tick to rest, and write down what became of them."""
    inside = claimed + intake.replaced + intake.woken
    if not inside and not intake.entered:
        write_tallies(journey.tallies, now=journey.now)
        return Tick(facts=intake.taken)
    _run_to_rest(journey, was_claimed=bool(claimed), woken=intake.woken)
    if journey.watch is not None:
        journey.watch.pass_on()
    visits, rehearsed, deliveries = _flush(
        journey, has_inside=bool(inside), has_new=bool(intake.entered)
    )
    return Tick(claimed, intake.taken, intake.entered, visits, deliveries, rehearsed)


def _statement(name: str) -> str:
    return sql.statement("conductor.engine", name)


def _kept(name: str) -> str:
    return sql.kept("conductor.engine", name)


def _shares(
    live: list[tuple[Any, ...]], now: datetime, limit: int
) -> tuple[dict[int, int], dict[int, int]]:
    return shares(
        due_ids=[row[0] for row in live if row[3]],
        queued_ids=[row[0] for row in live if row[4]],
        now=now,
        limit=limit,
    )


def _claim(due: Mapping[int, int], now: datetime) -> int:
    """Claim the shares of due enrollments, by conversation id; count them."""
    if not due:
        return 0
    return sql.execute(
        _kept("claim_due"), conversation_ids=list(due), shares=list(due.values()), now=now
    )


def _take_in(
    live: list[tuple[Any, ...]],
    journey: Journey,
    queued: Mapping[int, int],
    passed_over: Sequence[int] = (),
) -> Intake:
    if not live:
        return Intake()
    return take_in(
        entrances=_entrances(live),
        account_zone=journey.account_zone,
        now=journey.now,
        shares=queued,
        passed_over=passed_over,
        watch=journey.watch,
        tallies=journey.tallies,
    )


def _entrances(live: list[tuple[Any, ...]]) -> list[Entrance]:
    found = programs(row[1] for row in live)
    return [Entrance(row[0], row[2], found[row[1]]) for row in live]


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
            if arrivals.program.hurries:
                hurry(arrivals)
            for name, count in arrivals.tallies.items():
                conversation_id = arrivals.program.conversation_id
                journey.tallies[(conversation_id, step_key, name)] += count
        groups = _move_on(journey, groups, wave)
        wave += 1
        if wave > MOST_VISITS:
            return


def _first_wave(journey: Journey, *, woken: int) -> list[Group]:
    """Return the steps to run, when those in wave 0 have left, or stay, without it."""
    places = sql.fetch_all(journey.statement("first_wave"))
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
            watch=journey.watch,
            tallies=journey.tallies,
        )
        places = sql.fetch_all(journey.statement("first_wave"))
    aside = [(row[0], row[1]) for row in places if row[2] == 0]
    if aside:
        journey.passed.update(aside)
        _move_on(journey, aside, 0)
        places = sql.fetch_all(journey.statement("first_wave"))
    return [(row[0], row[1]) for row in places if row[2] == 1]


def _arrivals(journey: Journey, version_id: int, step_key: str, wave: int) -> StepArrivals:
    return StepArrivals(
        program=journey.programs[version_id],
        step_key=step_key,
        wave=wave,
        now=journey.now,
        account_zone=journey.account_zone,
        watch=journey.watch,
        budget=journey.budget,
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
    targets = {(edge["version_id"], edge["target"]) for edge in edges}
    given = {
        "now": journey.now,
        "wave": wave,
        "held_reason": "loop" if wave == MOST_VISITS else None,
        "edges": json.dumps(edges),
    }
    move_on = journey.statement("move_on")
    if len(targets) == 1:
        return list(targets) if sql.execute(move_on, **given) else []
    return sql.fetch_all(
        type(move_on)(WHERE_NOW.format(move_on=move_on.rstrip().removesuffix(";"))), **given
    )


def _flush(journey: Journey, *, has_inside: bool, has_new: bool) -> tuple[int, int, int]:
    """
    Write enrollments, visits and deliveries, each in one statement.

    Returns how many visits, how many of them in test runs, and how many deliveries.
    """
    exits = json.dumps(journey.exits())
    # One that is replaced ends before the one that replaces it begins.
    if has_inside:
        sql.execute(journey.statement("update_enrollments"), now=journey.now, exits=exits)
    if has_new:
        sql.execute(journey.statement("insert_enrollments"), now=journey.now, exits=exits)
    write_tallies(journey.tallies, now=journey.now)
    programs = json.dumps(
        [
            {"version_id": program.version_id, "conversation_id": program.conversation_id}
            for program in journey.programs.values()
        ]
    )
    visits, rehearsed = sql.fetch_one(
        journey.statement("insert_visits"),
        now=journey.now,
        programs=programs,
        rehearsals=[pk for pk, program in journey.programs.items() if program.rehearsal],
    ) or (0, 0)
    if journey.may_reach_goals():
        sql.execute(journey.statement("count_goals"), programs=programs, exits=exits)
    deliveries = write_deliveries(journey.now) if journey.has_messages() else 0
    if deliveries:
        keep_apart(journey.programs.values(), now=journey.now)
    return visits, rehearsed, deliveries
