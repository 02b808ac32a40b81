"""Segments kept by hand: put subscriptions in and take them out, many at once."""

from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from contacts.actions import facts

PUT_IN = """
WITH given AS MATERIALIZED (
    SELECT one.subscription_id, max(one.depth) AS depth
    FROM ({rows}) AS one (subscription_id, depth)
    GROUP BY one.subscription_id
),

written AS (
    INSERT INTO contacts_segmentmember (segment_id, subscription_id, is_member, since)
    SELECT %(segment_id)s, subscription.id, TRUE, %(now)s
    FROM given
    INNER JOIN contacts_subscription AS subscription ON subscription.id = given.subscription_id
    WHERE subscription.list_id = %(list_id)s
    ORDER BY subscription.id
    ON CONFLICT ON CONSTRAINT segment_member_once DO UPDATE
        SET is_member = TRUE, since = excluded.since
        WHERE NOT contacts_segmentmember.is_member
    RETURNING contacts_segmentmember.subscription_id
)

SELECT
    coalesce(array_agg(given.subscription_id ORDER BY given.subscription_id), '{{}}'),
    coalesce(array_agg(given.depth ORDER BY given.subscription_id), '{{}}')
FROM written
INNER JOIN given ON given.subscription_id = written.subscription_id
"""

TAKE_OUT = """
WITH given AS MATERIALIZED (
    SELECT one.subscription_id, max(one.depth) AS depth
    FROM ({rows}) AS one (subscription_id, depth)
    GROUP BY one.subscription_id
),

gone AS (
    DELETE FROM contacts_segmentmember AS member
    USING given
    WHERE member.segment_id = %(segment_id)s AND member.subscription_id = given.subscription_id
    RETURNING given.subscription_id, given.depth
)

SELECT
    coalesce(array_agg(gone.subscription_id ORDER BY gone.subscription_id), '{{}}'),
    coalesce(array_agg(gone.depth ORDER BY gone.subscription_id), '{{}}')
FROM gone
"""

MOVED = """
    SELECT
        %(kind)s::text,
        subscription.list_id,
        NULL::bigint,
        %(segment_id)s::bigint,
        NULL::bigint,
        subscription.contact_id,
        subscription.id,
        %(now)s::timestamptz,
        %(now)s::timestamptz,
        ''::text,
        '{}'::jsonb,
        moved.depth
    FROM unnest(%(moved)s::bigint[], %(depths)s::smallint[]) AS moved (subscription_id, depth)
    INNER JOIN contacts_subscription AS subscription ON subscription.id = moved.subscription_id
    ORDER BY subscription.id
"""


def put_in(rows: str, /, *, segment_id: int, list_id: int, now: datetime, **params: Any) -> int:
    """
    Put subscriptions of the segment's list in, and tell who listens; return how many are new.

    `rows` is a SELECT of (subscription id, depth of the chain of acts).
    """
    return _move(PUT_IN, facts.SEGMENT_ENTERED, rows, segment_id, list_id, now, params)


def take_out(rows: str, /, *, segment_id: int, list_id: int, now: datetime, **params: Any) -> int:
    """Take subscriptions out, and tell who listens; return how many were in. As `put_in`."""
    return _move(TAKE_OUT, facts.SEGMENT_LEFT, rows, segment_id, list_id, now, params)


def announce_moves(
    kind: str, *, segment_id: int, moved: list[int], depths: list[int], now: datetime
) -> None:
    """Tell who listens that subscriptions have entered or left a segment."""
    if moved:
        facts.announce_many(
            MOVED, kind=kind, segment_id=segment_id, moved=moved, depths=depths, now=now
        )


def _move(
    statement: str,
    kind: str,
    rows: str,
    segment_id: int,
    list_id: int,
    now: datetime,
    params: dict[str, Any],
) -> int:
    found = sql.fetch_one(
        statement.format(rows=rows), **params, segment_id=segment_id, list_id=list_id, now=now
    )
    moved, depths = found or ([], [])
    announce_moves(kind, segment_id=segment_id, moved=moved, depths=depths, now=now)
    return len(moved)
