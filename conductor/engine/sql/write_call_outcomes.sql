-- write_call_outcomes: what became of calls; whose call is over is due at once.
--
-- Only over calls that are still this caller's, by the attempt and the time of its claim; a
-- contact that is elsewhere by now stays where it is. The enrollments were locked before.
--
-- Params  now timestamptz, outcomes json [{id, attempts, claimed_at, state, next_at, outcome}]:
--         state queued (called again at next_at), done or failed
-- Returns nothing; counts the enrollments that are due now
-- Locks   the calls, the enrollments that wait for them
-- Index   the primary keys
WITH written AS (
    UPDATE conversations_call AS call
    SET
        state = result.state,
        next_at = coalesce(result.next_at, call.next_at),
        outcome = result.outcome,
        ended_at = CASE WHEN result.state IN ('done', 'failed') THEN %(now)s::timestamptz END
    FROM jsonb_to_recordset(%(outcomes)s::jsonb) AS result (
        id bigint, attempts integer, claimed_at timestamptz, state text, next_at timestamptz, outcome jsonb
    )
    WHERE
        call.id = result.id
        AND call.state = 'calling'
        AND call.attempts = result.attempts
        AND call.claimed_at = result.claimed_at
    RETURNING call.enrollment_id, call.step_key, call.visit_number, call.state
)

UPDATE conversations_enrollment AS enrollment
SET due_at = %(now)s
FROM written
WHERE
    enrollment.id = written.enrollment_id
    AND written.state IN ('done', 'failed')
    AND enrollment.ended_at IS NULL
    AND enrollment.step_key = written.step_key
    AND enrollment.visit_number = written.visit_number
    AND enrollment.held_reason = '';
