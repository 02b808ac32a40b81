-- gather: make a call of what an endpoint is to be told next; its first attempt begins.
--
-- Params  endpoint_id bigint, most int, now timestamptz, lease_until timestamptz,
--         retry_until timestamptz
-- Returns id, happenings, attempts, retry_until; no row if there is nothing to tell
-- Index   pending_once
WITH earliest AS MATERIALIZED (
    SELECT waiting.id
    FROM webhooks_pending AS waiting
    WHERE waiting.endpoint_id = %(endpoint_id)s
    ORDER BY waiting.happening_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
),

taken AS (
    DELETE FROM webhooks_pending AS pending
    WHERE pending.id = any(array(SELECT earliest.id FROM earliest))
    RETURNING pending.happening_id
),

batch AS (
    SELECT jsonb_agg(taken.happening_id ORDER BY taken.happening_id) AS happenings
    FROM taken
)

INSERT INTO webhooks_call (
    endpoint_id, happenings, state, attempts, claimed_at, created_at, next_at, retry_until, response, error
)
SELECT
    %(endpoint_id)s,
    batch.happenings,
    'calling',
    1,
    moment.claimed_at,
    moment.claimed_at AS created_at,
    %(lease_until)s,
    %(retry_until)s,
    '',
    ''
FROM batch
CROSS JOIN (SELECT %(now)s::timestamptz AS claimed_at) AS moment
WHERE batch.happenings IS NOT NULL
RETURNING id, happenings, attempts, retry_until;
