-- claim_webhook_calls: take the calls of an endpoint that are due, the attempt counted.
--
-- Params  endpoint_id bigint, now timestamptz, lease_until timestamptz, most int
-- Returns id, happenings, attempts, retry_until
-- Index   webhook_call_to_make
WITH due AS MATERIALIZED (
    SELECT waiting.id
    FROM webhooks_call AS waiting
    WHERE
        waiting.endpoint_id = %(endpoint_id)s
        AND waiting.state IN ('queued', 'calling')
        AND waiting.next_at <= %(now)s
    ORDER BY waiting.next_at, waiting.id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

UPDATE webhooks_call AS call
SET state = 'calling', attempts = call.attempts + 1, claimed_at = %(now)s, next_at = %(lease_until)s
WHERE call.id = any(array(SELECT due.id FROM due))
RETURNING call.id, call.happenings, call.attempts, call.retry_until;
