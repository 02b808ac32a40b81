"""Rate limits, counted in PostgreSQL, so that every web process sees the same numbers."""

from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.tenancy import sql
from accounts.wire.errors import TooManyRequestsError

# One row per key, so the table is as large as there are callers; a new window starts it anew. Who
# is beyond the limit is only read of: a crowd that is refused writes nothing and waits for nobody.
COUNT = """
    WITH beyond AS (
        SELECT counted.started_at, counted.count + 1 AS count
        FROM accounts_ratecount AS counted
        WHERE
            counted.key = %(key)s
            AND counted.started_at > %(window_start)s
            AND counted.count >= %(limit)s
    ), counted AS (
        INSERT INTO accounts_ratecount AS counted (key, started_at, count)
        SELECT %(key)s, %(now)s, 1
        WHERE NOT EXISTS (SELECT FROM beyond)
        ON CONFLICT (key) DO UPDATE
        SET
            started_at = CASE
                WHEN counted.started_at <= %(window_start)s THEN %(now)s ELSE counted.started_at
            END,
            count = CASE
                WHEN counted.started_at <= %(window_start)s THEN 1 ELSE counted.count + 1
            END
        RETURNING counted.started_at, counted.count
    )

    SELECT beyond.started_at, beyond.count FROM beyond
    UNION ALL
    SELECT counted.started_at, counted.count FROM counted
"""
FORGET = "DELETE FROM accounts_ratecount WHERE started_at < %(now)s - INTERVAL '1 day'"


class Limit(NamedTuple):
    """How many calls of a route an account may make in a window."""

    calls: int
    window: timedelta


def count_call(key: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """
    Count one call under `key`; a window begins with its first call.

    Called outside of a transaction: a refused request counts, too, up to the limit.

    :raises TooManyRequestsError: for each call beyond `limit` in the window.
    """
    row = sql.fetch_one(COUNT, key=key[:120], limit=limit, now=now, window_start=now - window)
    assert row is not None  # noqa: S101 (it was counted, or is beyond the limit)
    started_at, count = row
    if count == 1:
        sql.execute(FORGET, now=now)
    if count > limit:
        wait = started_at + window - now
        raise TooManyRequestsError(seconds=max(1, int(wait.total_seconds()) + 1))
