-- gather: make a call of what an endpoint is to be told next; its first attempt begins.
--
-- Params  endpoint_id bigint, most int, now timestamptz, lease_until timestamptz,
--         retry_until timestamptz
-- Returns id, happenings, attempts, retry_until; no row if there is nothing to tell
-- Index   pending_once
WITH taken AS (
    DELETE FROM webhooks_pending AS pending
    WHERE pending.id = ANY(ARRAY(
        SELECT first.id
        FROM webhooks_pending AS first
        WHERE first.endpoint_id = %(endpoint_id)s
        ORDER BY first.happening_id
        LIMIT %(most)s -- noqa: AM09
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING pending.happening_id
),

batch AS (
    SELECT jsonb_agg(taken.happening_id ORDER BY taken.happening_id) AS happenings
    FROM taken
)

INSERT INTO webhooks_call (
    endpoint_id, happenings, state, attempts, next_at, claimed_at, retry_until, response, error,
    created_at
)
SELECT
    %(endpoint_id)s,
    batch.happenings,
    'calling',
    1,
    %(lease_until)s,
    %(now)s,
    %(retry_until)s,
    '',
    '',
    %(now)s
FROM batch
WHERE batch.happenings IS NOT NULL
RETURNING id, happenings, attempts, retry_until;
