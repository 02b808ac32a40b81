-- write_webhook_calls: what came of attempts, where they are still their caller's.
--
-- Params  now timestamptz, outcomes json: an array of {id, attempts, state, next_at, status,
--         milliseconds, response, error}
-- Returns nothing
-- Index   webhooks_call (primary key)
UPDATE webhooks_call AS call
SET
    state = outcome.state,
    next_at = coalesce(outcome.next_at, call.next_at),
    status = outcome.status,
    milliseconds = outcome.milliseconds,
    response = outcome.response,
    error = outcome.error,
    ended_at = CASE WHEN outcome.state = 'queued' THEN NULL ELSE %(now)s::timestamptz END
FROM
    json_to_recordset(%(outcomes)s::json) AS outcome (
        id bigint,
        attempts smallint,
        state text,
        next_at timestamptz,
        status smallint,
        milliseconds integer,
        response text,
        error text
    )
WHERE
    call.id = outcome.id
    AND call.attempts = outcome.attempts
    AND call.state = 'calling';
