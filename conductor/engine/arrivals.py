"""The contacts of a tick at one step: what a step type is given to run its SQL over."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, InternalError, ProgrammingError, transaction

from accounts.tenancy import sql
from conductor.engine.program import Program
from conductor.steps import HERE

log = logging.getLogger(__name__)

FIRST, LAST = 0, 2**63 - 1

# A value that cannot be used, a broken constraint, an error raised within a function: one
# row's fault. A lost connection or a deadlock is nobody's: the whole tick is run again.
HELD_FOR = (DataError, IntegrityError, InternalError, ProgrammingError)
# SQLSTATE class of statements that cannot run whatever the rows: all of them are held.
BROKEN_STATEMENT = "42"


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

    @property
    def thread(self) -> str:
        """The name of the thread that the step is in."""
        return str(self.program.steps[self.step_key].get("thread") or "")

    @property
    def settings(self) -> Mapping[str, Any]:
        """The step's compiled settings."""
        settings: Mapping[str, Any] = self.program.steps[self.step_key]["settings"]
        return settings

    def zone(self, named: str = "") -> str:
        """Return the SQL expression of an IANA zone; see `zone_expression`."""
        return zone_expression(named or self.program.zone, self.account_zone)

    def run(self, statement: str, /, **params: Any) -> int:
        """Run one statement over them; count its rows."""
        return sql.execute(statement, **self.given(), **params)

    def fetch(self, statement: str, /, **params: Any) -> list[tuple[Any, ...]]:
        """Run one query over them; return its rows."""
        return sql.fetch_all(statement, **self.given(), **params)

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


def execute_step(arrivals: StepArrivals) -> None:
    """
    Run a step's statements over its arrivals, so that one bad row stops only itself.

    On a data error nothing of the step has happened; the rows are halved until the culprit
    is alone, which is held with `step_error` and the SQLSTATE.
    """
    step = arrivals.program.kind(arrivals.step_key)
    error = _attempt(lambda: step.execute(arrivals))
    if error is None:
        return
    if error.startswith(BROKEN_STATEMENT):
        log.error("Step %s cannot be run: %s", arrivals.step_key, error)
        _hold(arrivals, error)
        return
    rows = arrivals.fetch(f"SELECT arrivals.enrollment_id FROM arrivals WHERE {HERE} ORDER BY 1")
    culprits = find_culprits(
        [row[0] for row in rows],
        lambda first, last: _attempt(
            lambda: step.execute(replace(arrivals, first=first, last=last))
        ),
    )
    for enrollment_id, state in culprits:
        log.warning("Enrollment %s is held at step %s: %s", enrollment_id, arrivals.step_key, state)
        _hold(replace(arrivals, first=enrollment_id, last=enrollment_id), state)


def _hold(arrivals: StepArrivals, state: str) -> None:
    arrivals.run(
        "UPDATE arrivals SET exit = NULL, end_reason = NULL, due_at = NULL, "
        f"held_reason = %(reason)s WHERE {HERE}",
        reason=f"step_error {state}",
    )


def find_culprits(
    ids: list[int], attempt: Callable[[int, int], str | None]
) -> list[tuple[int, str]]:
    """
    Run `attempt(first id, last id)` over ever smaller parts of `ids`, in order.

    `attempt` returns None when the part is done, else the SQLSTATE, having changed
    nothing. Returns the ids that fail alone, each with its SQLSTATE. All of `ids` together
    have failed already.
    """
    found: list[tuple[int, str]] = []
    parts = [ids[len(ids) // 2 :], ids[: len(ids) // 2]] if len(ids) > 1 else [ids]
    while parts:
        part = parts.pop()
        if not part:
            continue
        state = attempt(part[0], part[-1])
        if state is None:
            continue
        if len(part) == 1:
            found.append((part[0], state))
            continue
        middle = len(part) // 2
        parts += [part[middle:], part[:middle]]
    return found


def _attempt(run: Callable[[], None]) -> str | None:
    """Run within a savepoint; return the SQLSTATE of a data error, or None."""
    try:
        with transaction.atomic():
            run()
    except HELD_FOR as error:
        return str(getattr(error.__cause__, "sqlstate", None) or "unknown")
    return None
