-- claim_webhook_calls: take the calls of an endpoint that are due, the attempt counted.
--
-- Params  endpoint_id bigint, now timestamptz, lease_until timestamptz, most int
-- Returns id, happenings, attempts, retry_until
-- Index   webhook_call_to_make
UPDATE webhooks_call AS call
SET state = 'calling', attempts = call.attempts + 1, claimed_at = %(now)s, next_at = %(lease_until)s
WHERE call.id = ANY(ARRAY(
    SELECT due.id
    FROM webhooks_call AS due
    WHERE
        due.endpoint_id = %(endpoint_id)s
        AND due.state IN ('queued', 'calling')
        AND due.next_at <= %(now)s
    ORDER BY due.next_at, due.id
    LIMIT %(most)s -- noqa: AM09
    FOR UPDATE SKIP LOCKED
))
RETURNING call.id, call.happenings, call.attempts, call.retry_until;
