"""Intake: facts from the queue become enrollments, refusals, or stay queued."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.tenancy import current_account_id, sql
from conductor.engine.arrivals import FIRST, HELD_FOR, LAST, find_culprits, zone_expression
from conductor.engine.program import Program
from contacts import filters

# The first key of the advisory locks that let one intake at a time into an account.
INTAKE_LOCK = 7_302

# A rule on how the enrollment began is asked of the fact itself. The rule stands in SET: in
# WHERE the planner may ask it of contacts that have no fact here, and err on them.
ASK_TRIGGER = """
    UPDATE facts
    SET trigger_number = CASE WHEN {condition} THEN %(number)s ELSE facts.trigger_number END
    FROM (
        SELECT
            fact.id AS fact_id,
            NULL::bigint AS id,
            fact.conversation_id,
            fact.subscription_id,
            fact.contact_id,
            fact.kind AS entry_kind,
            fact.external_event_id AS entry_external_event_id,
            fact.event_id AS entry_event_id,
            %(thread)s::text AS entry_thread,
            fact.method AS entry_method,
            fact.properties AS entry_properties,
            %(now)s::timestamptz AS entered_at,
            '{}'::jsonb AS arrived
        FROM facts AS fact
        WHERE
            fact.id BETWEEN %(first)s AND %(last)s
            AND fact.conversation_id = %(conversation_id)s
            AND fact.refusal IS NULL
            AND fact.kind = %(kind)s
            AND (%(any_event)s OR fact.external_event_id = ANY(%(events)s::bigint[]))
            AND (fact.trigger_number IS NULL OR fact.trigger_number > %(number)s)
    ) AS enrollment
    INNER JOIN contacts_subscription AS subscription
        ON subscription.id = enrollment.subscription_id
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    WHERE facts.id = enrollment.fact_id
"""


@dataclass(frozen=True)
class Entrance:
    """A live conversation whose queue is looked into."""

    conversation_id: int
    list_id: int
    program: Program


def take_in(
    *,
    entrances: Iterable[Entrance],
    account_zone: str,
    now: datetime,
    limit: int,
    refusal: str = "",
) -> tuple[int, int]:
    """
    Take up to `limit` facts of the current account; those who enter are in `arrivals`.

    One intake at a time: without the lock nothing is taken, and (0, 0) is returned. Else
    returns how many facts were taken from the queue and how many contacts entered. With a
    `refusal` all of them are refused for that reason.
    """
    # A statement of its own: the next one's snapshot is taken under the lock, so that
    # re-entry is decided against what is committed.
    if not sql.fetch_value(
        "SELECT pg_try_advisory_xact_lock(%(key)s, %(account)s)",
        key=INTAKE_LOCK,
        account=(current_account_id() or 0) % 2**31,
    ):
        return 0, 0
    doors = list(entrances)
    taken = _take(doors, account_zone, now, limit)
    if not taken:
        return 0, 0
    if refusal:
        sql.execute("UPDATE facts SET refusal = %(refusal)s", refusal=refusal)
    for door in doors:
        for number, trigger in enumerate(door.program.triggers):
            if trigger["filter"] is not None:
                _ask(door, number, trigger, account_zone, now)
    entered = sql.execute(
        sql.statement("conductor.engine", "enter"),
        now=now,
        triggers=json.dumps([row for door in doors for row in _entries(door)]),
    )
    if entered < taken:
        later = sql.execute(sql.statement("conductor.engine", "requeue_later_facts"))
        sql.execute(sql.statement("conductor.engine", "keep_refusals"), now=now)
        taken -= later
    return taken, entered


def _take(doors: list[Entrance], account_zone: str, now: datetime, limit: int) -> int:
    conversations = [
        {
            "conversation_id": door.conversation_id,
            "list_id": door.list_id,
            "reentry": door.program.reentry["kind"],
            "months": door.program.reentry.get("months", 0),
            "days": door.program.reentry.get("days", 0),
            "seconds": door.program.reentry.get("seconds", 0),
            "zone": door.program.zone,
            "is_expired": _has_expired(door.program, now),
        }
        for door in doors
    ]
    unfiltered = [
        {
            "conversation_id": door.conversation_id,
            "number": number,
            "kind": trigger["kind"],
            "external_event_id": event,
        }
        for door in doors
        for number, trigger in enumerate(door.program.triggers)
        if trigger["filter"] is None
        for event in trigger["external_event_ids"] or [None]
    ]
    return sql.execute(
        sql.statement("conductor.engine", "take_facts"),
        now=now,
        each=max(1, limit // len(doors)),
        conversations=json.dumps(conversations),
        triggers=json.dumps(unfiltered),
        account_zone=account_zone,
    )


def _has_expired(program: Program, now: datetime) -> bool:
    return bool(program.expires_at) and datetime.fromisoformat(program.expires_at) <= now


def _ask(
    door: Entrance, number: int, trigger: dict[str, Any], account_zone: str, now: datetime
) -> None:
    """Match the facts whose contact passes a trigger's filter; a fact that errs is refused."""
    condition = filters.condition(
        trigger["filter"],
        zone=zone_expression(door.program.zone, account_zone),
        prefix="trigger_",
    )
    statement = ASK_TRIGGER.replace("{condition}", condition.sql)
    params = {
        "number": number,
        "thread": trigger["thread"],
        "conversation_id": door.conversation_id,
        "kind": trigger["kind"],
        "events": trigger["external_event_ids"],
        "any_event": not trigger["external_event_ids"],
        "now": now,
        **condition.params,
    }

    def attempt(first: int, last: int) -> str | None:
        try:
            with transaction.atomic():
                sql.execute(statement, first=first, last=last, **params)
        except HELD_FOR as error:
            return str(getattr(error.__cause__, "sqlstate", None) or "unknown")
        return None

    if attempt(FIRST, LAST) is None:
        return
    ids = [row[0] for row in sql.fetch_all("SELECT facts.id FROM facts ORDER BY 1")]
    for fact_id, state in find_culprits(ids, attempt):
        sql.execute(
            "UPDATE facts SET refusal = %(reason)s WHERE facts.id = %(fact_id)s",
            reason=f"step_error {state}",
            fact_id=fact_id,
        )


def _entries(door: Entrance) -> list[dict[str, Any]]:
    """Return where each trigger lets its contacts in, as enter.sql reads it."""
    program = door.program
    return [
        {
            "conversation_id": door.conversation_id,
            "number": number,
            "version_id": program.version_id,
            "list_id": door.list_id,
            "thread": trigger["thread"],
            "step_key": trigger["step_key"],
            "exit": program.kind(trigger["step_key"]).passes,
            "is_cyclic": program.is_cyclic(trigger["step_key"]),
        }
        for number, trigger in enumerate(program.triggers)
    ]
