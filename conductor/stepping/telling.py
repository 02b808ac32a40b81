"""What follows from what a step writes: facts, in one statement with it."""

from dataclasses import dataclass
from typing import Any

from conductor.stepping.arrivals import THESE, Arrivals
from contacts.actions import facts


@dataclass(frozen=True)
class Told:
    """
    The facts that follow from what a step wrote: SQL over `arrivals`, `enrolled`, `written`.

    A row that was written belongs to the arrival of its `key`, `subscription_id` or
    `contact_id`; `columns` are those of `written` that are read, with their types. `kinds`
    are all that there may be, `kind` says which one a row is ("" = the only one), of those
    that `also` joins. `roles` are those that hear of it: see `contacts.actions.facts`.
    """

    kinds: tuple[str, ...]
    key: str = "subscription_id"
    columns: str = ""
    also: str = ""
    kind: str = ""
    list_id: str = "enrolled.list_id"
    external_event_id: str = "NULL::bigint"
    segment_id: str = "NULL::bigint"
    event_id: str = "NULL::bigint"
    subscription_id: str = "arrivals.subscription_id"
    properties: str = "'{}'::jsonb"
    order: str = "arrivals.enrollment_id"
    roles: tuple[str, ...] = facts.ROLES


# What was written is looked up by its key, not joined: nobody can tell the planner how many
# rows a statement writes, and it would run the join as a loop over both.
WRITTEN = """
    written AS ({write}),

    outcome AS MATERIALIZED (
        SELECT jsonb_object_agg(written.{key}::text, to_jsonb(written)) AS by_key FROM written
    ),
"""


READ = "CROSS JOIN LATERAL jsonb_to_record(outcome.by_key -> arrivals.{key}::text) AS written ({columns})"


TOLD = f"""
    SELECT
        {{kind}}, {{told.list_id}}, {{told.external_event_id}}, {{told.segment_id}},
        {{told.event_id}}, arrivals.contact_id, {{told.subscription_id}}, %(now)s::timestamptz,
        %(now)s::timestamptz, 'action', {{told.properties}}, (enrolled.depth + 1)::smallint
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    CROSS JOIN outcome
    {{read}}
    {{told.also}}
    WHERE {THESE} AND outcome.by_key ? arrivals.{{told.key}}::text
    ORDER BY {{told.order}}, arrivals.enrollment_id
"""


def announce(arrivals: Arrivals, told: Told, /, *, write: str, **params: Any) -> None:
    """
    Write what a step writes, and tell who listens of each row written: one statement.

    `write` is an INSERT, UPDATE or DELETE with RETURNING, the key and the columns of `told`
    among it. A fact is one deeper in its chain than the enrollment.
    """
    if facts.audience(roles=told.roles).isdisjoint(told.kinds):
        arrivals.run(write, **params)
        return
    rows = TOLD.format(
        kind=told.kind or f"'{told.kinds[0]}'",
        told=told,
        read=READ.format(key=told.key, columns=told.columns) if told.columns else "",
    )
    facts.queue(
        rows,
        given=WRITTEN.format(write=write, key=told.key),
        roles=told.roles,
        **arrivals.given(),
        **params,
    )
