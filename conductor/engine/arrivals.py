"""The contacts of a tick at one step: what a step type is given to run its SQL over."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.tenancy import sql
from conductor.engine.apart import apart
from conductor.engine.faults import FIRST, LAST, Fault, find_culprits, run_safely
from conductor.engine.program import Program
from conductor.engine.watch import TICK_FAILED, Watch, run_watched
from conductor.stepping.budget import Budget
from conductor.steps import HERE, StepType, hold_here

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepArrivals:
    """The rows of `arrivals` at one step of one version in one wave; see conductor.steps."""

    program: Program
    step_key: str
    wave: int
    now: datetime
    account_zone: str
    first: int = FIRST
    last: int = LAST
    tallies: Counter[str] = field(default_factory=Counter)
    watch: Watch | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def thread(self) -> str:
        """The name of the thread that the step is in."""
        return str(self.program.steps[self.step_key].get("thread") or "")

    @property
    def settings(self) -> Mapping[str, Any]:
        """The step's compiled settings."""
        settings: Mapping[str, Any] = self.program.steps[self.step_key]["settings"]
        return settings

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a test run."""
        return bool(self.program.rehearsal)

    def zone(self, named: str = "") -> str:
        """Return the SQL expression of an IANA zone; see `zone_expression`."""
        return zone_expression(named or self.program.zone, self.account_zone)

    def run(self, statement: str, /, **params: Any) -> int:
        """Run one statement over them; count its rows."""
        return sql.execute(statement, **self.given(), **params)

    def fetch(self, statement: str, /, **params: Any) -> list[tuple[Any, ...]]:
        """Run one query over them; return its rows."""
        return sql.fetch_all(statement, **self.given(), **params)

    def tally(self, name: str, count: int) -> None:
        """Count something of this step; the flush adds it to the conversation's tallies."""
        self.tallies[name] += count

    def given(self) -> dict[str, Any]:
        """Return `now` and what HERE needs, for statements that are run elsewhere."""
        return {
            "now": self.now,
            "wave": self.wave,
            "version_id": self.program.version_id,
            "step_key": self.step_key,
            "first": self.first,
            "last": self.last,
        }


def zone_expression(zone: str, account_zone: str) -> str:
    """
    Return the SQL expression of a zone: a literal, or the alias `contact`'s own.

    `zone` is `account`, `contact` or an IANA name; names were checked when they were
    written and hold no quote.
    """
    if zone == "contact":
        return f"zone_or(contact.time_zone, '{account_zone}')"
    return f"'{account_zone if zone == 'account' else zone}'"


# Set aside before the step is run: in wave 0 no step is.
SET_ASIDE = f"""
    UPDATE arrivals
    SET wave = 0, exit = NULL, end_reason = NULL, due_at = NULL, held_reason = %(reason)s
    WHERE {HERE} AND arrivals.enrollment_id = any(%(ids)s::bigint[])
"""
WHO_IS_HERE = f"SELECT arrivals.enrollment_id, arrivals.subscription_id FROM arrivals WHERE {HERE}"


def execute_step(arrivals: StepArrivals) -> None:
    """
    Run a step's statements over its arrivals, so that one bad row stops only itself.

    On a fault nothing of the step has happened; the rows are halved until the culprit is
    alone, which is held with `step_error` and what is wrong. What a test run's step writes
    is undone: see `apart`.
    """
    if type(arrivals.program.kind(arrivals.step_key)).execute is StepType.execute:
        # Everybody passes, and nothing is run.
        return
    if not arrivals.is_rehearsal:
        _execute(arrivals)
        return
    with apart(arrivals.program, now=arrivals.now, step_key=arrivals.step_key, wave=arrivals.wave):
        _execute(arrivals)


def _execute(arrivals: StepArrivals) -> None:
    fault = _attempt(arrivals)
    if fault is None:
        return
    if fault.of_everybody:
        _hold(arrivals, fault)
        return
    culprits = find_culprits(
        sorted(row[0] for row in arrivals.fetch(WHO_IS_HERE)),
        lambda first, last: _attempt(replace(arrivals, first=first, last=last)),
        fault,
    )
    for enrollment_id, found in culprits:
        _hold(replace(arrivals, first=enrollment_id, last=enrollment_id), found)


def _attempt(arrivals: StepArrivals) -> Fault | None:
    """Run the step; what it counted counts only if it came to its end."""
    trying = replace(arrivals, tallies=Counter())
    fault = run_safely(lambda: _run(trying))
    if fault is None:
        arrivals.tallies.update(trying.tallies)
    return fault


def _run(arrivals: StepArrivals) -> None:
    step = arrivals.program.kind(arrivals.step_key)
    if arrivals.watch is None:
        step.execute(arrivals)
        return
    run_watched(
        arrivals.watch,
        place=("step", arrivals.program.version_id, arrivals.step_key),
        rows=lambda: [(row[0], row[1]) for row in arrivals.fetch(WHO_IS_HERE)],
        run=lambda first, last: step.execute(replace(arrivals, first=first, last=last)),
        set_aside=lambda ids: arrivals.run(SET_ASIDE, ids=ids, reason=TICK_FAILED),
    )
    if "committed_id" in arrivals.settings:
        _try_deliveries(arrivals)


def _try_deliveries(arrivals: StepArrivals) -> None:
    """Write the outbox and undo it: what no delivery can refer to is this step's fault."""
    with transaction.atomic():
        write_deliveries(arrivals.now)
        transaction.set_rollback(True)


def write_deliveries(now: datetime) -> int:
    """Write the tick's outbox; return how many deliveries."""
    return sql.execute(sql.statement("conductor.engine", "insert_deliveries"), now=now)


def _hold(arrivals: StepArrivals, fault: Fault) -> None:
    held = hold_here(arrivals, fault.reason)
    log.warning("%s held at step %s: %s", held, arrivals.step_key, fault.reason)
