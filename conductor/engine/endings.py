"""Endings: those whom a fact has woken are asked whether it ends them, before anybody moves."""

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.clocks import reads_own_calendar
from conductor.engine.apart import apart
from conductor.engine.arrivals import zone_expression
from conductor.engine.faults import FIRST, LAST, Fault, find_culprits, run_safely
from conductor.engine.program import Program
from conductor.engine.tallies import Tallies, count_fallbacks, note_fallbacks
from conductor.engine.watch import TICK_FAILED, Row, Watch, run_watched
from conductor.steps import enrollment_for
from contacts import filters

HERE = """
    arrivals.is_woken
    AND arrivals.version_id = %(version_id)s
    AND arrivals.end_reason IS NULL
    AND arrivals.held_reason IS NULL
    AND arrivals.enrollment_id BETWEEN %(first)s AND %(last)s
"""
# The rule is asked in the list of columns, of these contacts alone.
END = f"""
    WITH asked AS MATERIALIZED (
        SELECT arrivals.enrollment_id, {{condition}} AS holds
        FROM arrivals
        INNER JOIN contacts_subscription AS subscription
            ON subscription.id = arrivals.subscription_id
        INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
        {{enrollment}}
        WHERE {HERE} {{same}}
    )

    UPDATE arrivals
    SET wave = 0, exit = 'end', end_reason = %(end_reason)s
    FROM asked
    WHERE asked.enrollment_id = arrivals.enrollment_id AND asked.holds
"""
ASKED_HERE = f"SELECT arrivals.contact_id FROM arrivals WHERE {HERE}"
HOLD = f"""
    UPDATE arrivals
    SET wave = 0, exit = NULL, due_at = NULL, held_reason = %(held_reason)s
    WHERE {HERE} AND arrivals.enrollment_id = any(%(ids)s::bigint[])
"""


def end_woken(
    found: Iterable[Program],
    *,
    waking: list[tuple[int, str]],
    account_zone: str,
    now: datetime,
    tallies: Tallies,
    watch: Watch | None = None,
) -> None:
    """
    End the woken whom a fact, their conversation's goal or its exit rule ends.

    `found` are the programs of the tick's arrivals; `waking` the (version id, step key) of
    the steps that are run for the woken. Those that stay and are at no such step are left
    in wave 0; nothing of them is written. Where a rule reads the contact's own calendar, those
    without a zone are counted: once, if goal and exit rule both do.
    """
    programs = list(found)
    unsubscribed = [program.version_id for program in programs if program.ends_unsubscribed]
    sql.execute(sql.statement("conductor.engine", "end_by_facts"), ending=unsubscribed)
    ended = 0
    for program in programs:
        fallbacks = 0
        for reason, rule in (("goal", program.goal), ("exit rule", program.exit_when)):
            if rule is not None:
                ending = _Ending(program, reason, rule, account_zone, now, watch)
                with apart(program, now=now) if program.rehearsal else nullcontext():
                    ended += ending.ask_all()
                # The exit rule is asked of those whom the goal has left.
                fallbacks = max(fallbacks, ending.fallbacks)
        note_fallbacks(tallies, program.conversation_id, "", fallbacks)
    if ended:
        sql.execute(sql.statement("conductor.engine", "skip_deferred"))
    sql.execute(
        sql.statement("conductor.engine", "settle_woken"),
        waking=json.dumps([{"version_id": version, "step_key": key} for version, key in waking]),
    )


@dataclass
class _Ending:
    """
    One rule of one version, asked of its woken; `ended` counts those for whom it holds.

    `fallbacks` counts those who were asked by the account's calendar for want of their own.
    """

    program: Program
    reason: str
    rule: Mapping[str, Any]
    account_zone: str
    now: datetime
    watch: Watch | None
    ended: int = 0
    fallbacks: int = 0

    def ask_all(self) -> int:
        """End those for whom the rule holds; return how many. Whom it errs on is held."""
        fault = run_safely(self._watched)
        if fault is None:
            return self.ended
        self.ended = self.fallbacks = 0
        ids = sorted(row for row, _ in self._here())
        for enrollment_id, found in find_culprits(ids, self._attempt, fault):
            self._hold([enrollment_id], found.reason)
        return self.ended

    def _watched(self) -> None:
        run_watched(
            self.watch,
            place=(self.reason, self.program.version_id, ""),
            rows=self._here,
            run=self._ask,
            set_aside=lambda ids: self._hold(ids, TICK_FAILED),
        )

    def _attempt(self, first: int, last: int) -> Fault | None:
        return run_safely(lambda: self._ask(first, last))

    def _ask(self, first: int, last: int) -> None:
        zone = zone_expression(self.program.zone, self.account_zone)
        condition = filters.condition(self.rule, zone=zone, prefix="ending_")
        enrollment, same = enrollment_for(condition.sql)
        statement = END.format(condition=condition.sql, enrollment=enrollment, same=same)
        here = {"version_id": self.program.version_id, "first": first, "last": last}
        fallbacks = 0
        if reads_own_calendar(condition.sql, zone):
            fallbacks = count_fallbacks(ASKED_HERE, account_zone=self.account_zone, **here)
        self.ended += sql.execute(
            statement, now=self.now, end_reason=self.reason, **here, **condition.params
        )
        self.fallbacks += fallbacks

    def _here(self) -> list[Row]:
        asked = (
            f"SELECT arrivals.enrollment_id, arrivals.subscription_id FROM arrivals WHERE {HERE}"
        )
        rows = sql.fetch_all(asked, version_id=self.program.version_id, first=FIRST, last=LAST)
        return [(row[0], row[1]) for row in rows]

    def _hold(self, ids: list[int], reason: str) -> None:
        here = {"version_id": self.program.version_id, "first": FIRST, "last": LAST}
        sql.execute(HOLD, ids=ids, held_reason=reason, **here)
