-- write_outcomes: what became of a batch, where it is still its sender's; what was sent is counted.
--
-- Params  now timestamptz, sender text,
--         outcomes json: an array of {id, state, reason, provider_message_id, is_attempted, retry_at},
--         which takes a third of the time that arrays of each take to write and to read
-- Returns nothing; a batch that was settled meanwhile is left as it is
-- Index   messaging_delivery (primary key)
WITH written AS (
    UPDATE messaging_delivery AS delivery
    SET
        state = outcome.state,
        reason = outcome.reason,
        provider_message_id = outcome.provider_message_id,
        sent_at = CASE WHEN outcome.state = 'sent' THEN %(now)s::timestamptz END,
        -- Three days are counted from the first time that it is put off, as at the claim.
        queued_at = CASE
            WHEN
                outcome.retry_at IS NOT NULL
                AND coalesce(delivery.not_before, '-infinity') < %(now)s::timestamptz - interval '1 day'
                THEN %(now)s::timestamptz
            ELSE delivery.queued_at
        END,
        not_before = CASE
            WHEN outcome.state = 'queued' THEN delivery.not_before
            ELSE outcome.retry_at
        END,
        -- What was handed back unattempted has cost no attempt.
        attempts = CASE
            WHEN outcome.is_attempted THEN delivery.attempts
            ELSE delivery.attempts - 1
        END,
        claimed_by = '',
        claimed_at = NULL
    FROM
        json_to_recordset(%(outcomes)s::json) AS outcome (
            id bigint,
            state text,
            reason text,
            provider_message_id text,
            is_attempted boolean,
            retry_at timestamptz
        )
    WHERE
        delivery.id = outcome.id
        AND delivery.state = 'sending'
        AND delivery.claimed_by = %(sender)s
    RETURNING
        delivery.state,
        delivery.is_test,
        delivery.conversation_id,
        delivery.step_key,
        delivery.message_id
)

INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number)
SELECT
    written.conversation_id,
    written.step_key,
    written.message_id,
    'sent',
    count(*)
FROM written
WHERE written.state = 'sent' AND NOT written.is_test
GROUP BY written.conversation_id, written.step_key, written.message_id;
