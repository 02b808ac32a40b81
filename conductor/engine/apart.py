"""
Apart: what the steps of a test run write is undone at once, and kept as the run's own state.

A step of a test run is run like any other, on the contact as the run has left it: its rows are
changed within a savepoint, the step works on them, what became of them is read, and all of it is
rolled back. Kept are where the contacts go (`arrivals`, `outbox`), facts for the run itself and
its webhook calls; and, as what differs from the contact, the state that the run's next steps,
messages and calls start from. So nothing of a test run lasts outside of it, whatever a step
may write, and nobody else hears of it.

The state is in the run's own row, {contact id: {profile, standing, segments, events, changes}}:
`changes` are what each visit set, for the page.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from conductor.engine.program import Program

# The most changes that the page shows of a contact: a run may go round for a month.
MOST_CHANGES = 200

State = dict[str, Any]

# How a subscription stands, beside its profile. Locked, so that nobody else's write falls
# between what is read here and what is undone.
CONTACTS = """
    SELECT
        subscription.id,
        subscription.contact_id,
        subscription.profile::text,
        jsonb_build_object(
            'state', subscription.state,
            'subscribed_at', subscription.subscribed_at,
            'subscribe_method', subscription.subscribe_method,
            'resubscribed_at', subscription.resubscribed_at,
            'unsubscribed_at', subscription.unsubscribed_at,
            'unsubscribe_method', subscription.unsubscribe_method
        )::text,
        (
            SELECT coalesce(jsonb_object_agg(member.segment_id, member.is_member), '{}')
            FROM contacts_segmentmember AS member
            INNER JOIN contacts_segment AS segment ON segment.id = member.segment_id
            WHERE member.subscription_id = subscription.id AND segment.kind = 'manual'
        )::text,
        (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'external_event_id', event.external_event_id, 'at', event.recorded_at
            ) ORDER BY event.id), '[]')
            FROM contacts_event AS event
            WHERE event.contact_id = subscription.contact_id AND event.source = 'test'
        )::text
    FROM contacts_subscription AS subscription
    WHERE subscription.id = ANY(
        SELECT arrivals.subscription_id FROM arrivals WHERE arrivals.version_id = %(version_id)s
    )
    ORDER BY subscription.id
    FOR NO KEY UPDATE OF subscription
"""
STATE = """
    SELECT coalesce(run.rehearsal -> 'state', '{}')::text
    FROM conversations_conversation AS run
    WHERE run.id = %(run_id)s
"""
KEEP_STATE = """
    UPDATE conversations_conversation AS run
    SET rehearsal = jsonb_set(run.rehearsal, '{state}', %(state)s::jsonb)
    WHERE run.id = %(run_id)s
"""
# The contacts as the run has left them.
SHOW = (
    """
    UPDATE contacts_subscription AS subscription
    SET profile = jsonb_strip_nulls(subscription.profile || own.profile)
    FROM jsonb_to_recordset(%(own)s::jsonb) AS own (id bigint, profile jsonb)
    WHERE subscription.id = own.id AND own.profile IS NOT NULL
    """,
    """
    UPDATE contacts_subscription AS subscription
    SET
        state = own.standing ->> 'state',
        subscribed_at = (own.standing ->> 'subscribed_at')::timestamptz,
        subscribe_method = own.standing ->> 'subscribe_method',
        resubscribed_at = (own.standing ->> 'resubscribed_at')::timestamptz,
        unsubscribed_at = (own.standing ->> 'unsubscribed_at')::timestamptz,
        unsubscribe_method = own.standing ->> 'unsubscribe_method'
    FROM jsonb_to_recordset(%(own)s::jsonb) AS own (id bigint, standing jsonb)
    WHERE subscription.id = own.id AND own.standing IS NOT NULL
    """,
    """
    INSERT INTO contacts_segmentmember (segment_id, subscription_id, is_member, since)
    SELECT segment.id, own.id, membership.value::boolean, %(now)s
    FROM jsonb_to_recordset(%(own)s::jsonb) AS own (id bigint, segments jsonb)
    CROSS JOIN LATERAL jsonb_each_text(own.segments) AS membership
    INNER JOIN contacts_segment AS segment ON segment.id = membership.key::bigint
    ON CONFLICT (account_id, segment_id, subscription_id) DO UPDATE
    SET is_member = excluded.is_member
    """,
    """
    INSERT INTO contacts_event (
        list_id, contact_id, external_event_id, occurred_at, recorded_at, source, properties
    )
    SELECT
        subscription.list_id, subscription.contact_id, raised.external_event_id, raised.at,
        raised.at, 'test', '{}'
    FROM jsonb_to_recordset(%(own)s::jsonb) AS own (id bigint, events jsonb)
    INNER JOIN contacts_subscription AS subscription ON subscription.id = own.id
    CROSS JOIN LATERAL jsonb_to_recordset(own.events) AS raised (
        external_event_id bigint, at timestamptz
    )
    """,
)
# What is not undone: rows by the table that they go back to.
OF_TICK = ("arrivals", "outbox")
ROWS = """
    SELECT coalesce(jsonb_agg(to_jsonb({table})), '[]')::text
    FROM {table}
    WHERE {table}.version_id = %(version_id)s
"""
EMPTY = "DELETE FROM {table} WHERE {table}.version_id = %(version_id)s"
FILL = """
    INSERT INTO {table}
    SELECT again.* FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb) AS again
"""
OWN_FACTS = """
    SELECT coalesce(jsonb_object_agg(intake.id, to_jsonb(intake)), '{}')::text
    FROM contacts_intake AS intake
    WHERE intake.conversation_id = %(run_id)s
"""
# The event of a fact is undone.
QUEUE_OWN = """
    INSERT INTO contacts_intake
    SELECT again.*
    FROM jsonb_populate_recordset(NULL::contacts_intake, %(rows)s::jsonb) AS again
    ON CONFLICT DO NOTHING
"""
CALLS = """
    SELECT coalesce(jsonb_object_agg(call.id, to_jsonb(call)), '{}')::text
    FROM conversations_call AS call
    WHERE call.enrollment_id = ANY(
        SELECT arrivals.enrollment_id FROM arrivals WHERE arrivals.version_id = %(version_id)s
    )
"""
ASK_AGAIN = """
    INSERT INTO conversations_call
    SELECT again.*
    FROM jsonb_populate_recordset(NULL::conversations_call, %(rows)s::jsonb) AS again
    ON CONFLICT (account_id, enrollment_id, step_key, visit_number) DO UPDATE SET
        state = excluded.state, attempts = excluded.attempts, next_at = excluded.next_at,
        claimed_at = excluded.claimed_at, outcome = excluded.outcome, ended_at = excluded.ended_at
"""


@dataclass
class _Row:
    """One contact as it is stored, or as the run has left it."""

    subscription_id: int
    contact_id: str
    profile: dict[str, Any]
    standing: dict[str, Any]
    segments: dict[str, bool]
    events: list[dict[str, Any]]


@dataclass
class _Kept:
    """What outlives the savepoint."""

    state: dict[str, State] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    facts: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def apart(program: Program, *, now: datetime, step_key: str = "", wave: int = 0) -> Iterator[None]:
    """Run what is done to the contacts of a test run; see above. Its errors undo it, too."""
    given = {"version_id": program.version_id, "run_id": program.conversation_id}
    with transaction.atomic():
        states = json.loads(sql.fetch_value(STATE, **given) or "{}")
        stored = _contacts(given)
        _show(stored, states, now)
        facts, calls = _object(OWN_FACTS, given), _object(CALLS, given)
        yield
        kept = _Kept()
        for table in OF_TICK:
            kept.tables[table] = sql.fetch_value(ROWS.format(table=table), **given)
        visits = _visits(kept.tables["arrivals"], step_key, wave)
        after = _contacts(given)
        kept.state = states | _states(stored, after, states, visits, step_key)
        kept.facts = [
            {**row, "event_id": None}
            for key, row in _object(OWN_FACTS, given).items()
            if key not in facts
        ]
        kept.calls = [row for key, row in _object(CALLS, given).items() if row != calls.get(key)]
        transaction.set_rollback(True)
    _write_back(kept, given)
    if kept.state != states:
        sql.execute(KEEP_STATE, state=json.dumps(kept.state), **given)


def _show(stored: Mapping[str, _Row], states: Mapping[str, State], now: datetime) -> None:
    own = [
        {"id": row.subscription_id, **states[contact_id]}
        for contact_id, row in stored.items()
        if contact_id in states
    ]
    if own:
        for statement in SHOW:
            sql.execute(statement, own=json.dumps(own), now=now)


def _write_back(kept: _Kept, given: Mapping[str, Any]) -> None:
    for table, rows in kept.tables.items():
        sql.execute(EMPTY.format(table=table), **given)
        sql.execute(FILL.format(table=table), rows=rows)
    if kept.calls:
        sql.execute(ASK_AGAIN, rows=json.dumps(kept.calls))
    if kept.facts:
        sql.execute(QUEUE_OWN, rows=json.dumps(kept.facts))
        wake("advance")


def _contacts(given: Mapping[str, Any]) -> dict[str, _Row]:
    """Return the contacts in the tick, as they are now, by contact id."""
    return {
        str(contact_id): _Row(subscription_id, str(contact_id), *map(json.loads, values))
        for subscription_id, contact_id, *values in sql.fetch_all(CONTACTS, **given)
    }


def _object(statement: str, given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sql.fetch_value(statement, **given))
    return found


def _visits(arrivals: str, step_key: str, wave: int) -> dict[str, int]:
    """Return the visit under way of each contact at the step, {contact id: visit number}."""
    return {
        str(row["contact_id"]): row["visit_number"]
        for row in json.loads(arrivals)
        if row["step_key"] == step_key and row["wave"] == wave
    }


def _states(
    stored: Mapping[str, _Row],
    after: Mapping[str, _Row],
    states: Mapping[str, State],
    visits: Mapping[str, int],
    step_key: str,
) -> dict[str, State]:
    """Return the state of each contact that has one: all that differs from what is stored."""
    found = {}
    for contact_id, row in after.items():
        before, known = stored[contact_id], states.get(contact_id, {})
        state: State = {
            "profile": _differences(before.profile, row.profile),
            "standing": row.standing if row.standing != before.standing else None,
            "segments": {
                key: row.segments.get(key, False)
                for key in {*before.segments, *row.segments}
                if row.segments.get(key, False) != before.segments.get(key, False)
            },
            "events": row.events,
            "changes": known.get("changes", []),
        }
        news = _differences(before.profile | known.get("profile", {}), row.profile)
        if news and contact_id in visits:
            change = {"step_key": step_key, "visit": visits[contact_id], "profile": news}
            state["changes"] = [*state["changes"], change][-MOST_CHANGES:]
        if known or any(state.values()):
            found[contact_id] = state
    return found


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ; null for one that is no longer there."""
    return {
        key: after.get(key)
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }
