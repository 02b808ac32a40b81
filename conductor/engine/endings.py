"""Endings: those whom a fact has woken are asked whether it ends them, before anybody moves."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.engine.arrivals import zone_expression
from conductor.engine.faults import FIRST, LAST, Fault, find_culprits, run_safely
from conductor.engine.program import Program
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
HOLD = f"""
    UPDATE arrivals
    SET wave = 0, exit = NULL, due_at = NULL, held_reason = %(held_reason)s
    WHERE {HERE}
"""


def end_woken(
    found: Iterable[Program], *, waking: list[tuple[int, str]], account_zone: str, now: datetime
) -> None:
    """
    End the woken whom a fact, their conversation's goal or its exit rule ends.

    `found` are the programs of the tick's arrivals; `waking` the (version id, step key) of
    the steps that are run for the woken. Those that stay and are at no such step are left
    in wave 0; nothing of them is written.
    """
    programs = list(found)
    ending = [program.version_id for program in programs if program.ends_unsubscribed]
    sql.execute(sql.statement("conductor.engine", "end_by_facts"), ending=ending)
    ended = 0
    for program in programs:
        for reason, rule in (("goal", program.goal), ("exit rule", program.exit_when)):
            if rule is not None:
                zone = zone_expression(program.zone, account_zone)
                ended += _end_by_rule(program.version_id, reason, rule, zone=zone, now=now)
    if ended:
        sql.execute(sql.statement("conductor.engine", "skip_deferred"))
    sql.execute(
        sql.statement("conductor.engine", "settle_woken"),
        waking=json.dumps([{"version_id": version, "step_key": key} for version, key in waking]),
    )


def _end_by_rule(
    version_id: int, reason: str, rule: Mapping[str, Any], *, zone: str, now: datetime
) -> int:
    """End those for whom a rule holds; return how many. Whom it errs on is held."""
    ended = 0

    def ask(first: int, last: int) -> None:
        nonlocal ended
        condition = filters.condition(rule, zone=zone, prefix="ending_")
        enrollment, same = enrollment_for(condition.sql)
        statement = END.format(condition=condition.sql, enrollment=enrollment, same=same)
        ended += sql.execute(
            statement,
            now=now,
            version_id=version_id,
            end_reason=reason,
            first=first,
            last=last,
            **condition.params,
        )

    def attempt(first: int, last: int) -> Fault | None:
        return run_safely(lambda: ask(first, last))

    fault = attempt(FIRST, LAST)
    if fault is None:
        return ended
    here = {"version_id": version_id, "first": FIRST, "last": LAST}
    rows = sql.fetch_all(
        f"SELECT arrivals.enrollment_id FROM arrivals WHERE {HERE} ORDER BY 1", **here
    )
    for enrollment_id, found in find_culprits([row[0] for row in rows], attempt, fault):
        here |= {"first": enrollment_id, "last": enrollment_id}
        sql.execute(HOLD, held_reason=found.reason, **here)
    return ended
