-- claim_calls: webhook calls whose time has come become this caller's, their attempt counted.
--
-- A call still `calling` at its next_at was claimed by a caller that died. `full` names the
-- steps of which no more may be under way, so that one slow server does not fill the batch;
-- of each other step at most `each` calls are taken. From step to step along the index, one
-- probe each: hundreds of thousands that wait for a server are never read past. Those of a paused
-- conversation wait until it goes on. A call whose contact has been moved or has ended meanwhile
-- is not made. In a test run the contact is as the run has left it.
--
-- Params  now timestamptz, lease_until timestamptz, most int (rows), each int (rows of one step),
--         full_versions bigint[] and full_steps text[] (pairs), attempts int (the most)
-- Returns per call: what a caller needs; `verdict` is call, left (the contact is elsewhere) or
--         spent (its last caller died)
-- Locks   only the rows taken; rows locked elsewhere are skipped, never waited for
-- Index   call_by_step (account_id, version_id, step_key, next_at) WHERE state IN ('queued', 'calling')
WITH RECURSIVE step AS (
    (
        SELECT
            call.version_id,
            call.step_key
        FROM conversations_call AS call
        WHERE call.state IN ('queued', 'calling')
        ORDER BY call.version_id, call.step_key
        LIMIT 1
    )
    UNION ALL
    SELECT
        following.version_id,
        following.step_key
    FROM step
    CROSS JOIN LATERAL (
        SELECT
            call.version_id,
            call.step_key
        FROM conversations_call AS call
        WHERE
            call.state IN ('queued', 'calling')
            AND (call.version_id, call.step_key) > (step.version_id, step.step_key)
        ORDER BY call.version_id, call.step_key
        LIMIT 1
    ) AS following
),

due AS MATERIALIZED (
    SELECT
        oldest.id,
        oldest.next_at
    FROM step
    CROSS JOIN LATERAL (
        SELECT
            call.id,
            call.next_at
        FROM conversations_call AS call
        WHERE
            call.version_id = step.version_id
            AND call.step_key = step.step_key
            AND call.state IN ('queued', 'calling')
            AND call.next_at <= %(now)s
        ORDER BY call.next_at
        LIMIT %(each)s
    ) AS oldest
    WHERE
        NOT EXISTS (
            SELECT
            FROM unnest(%(full_versions)s::bigint[], %(full_steps)s::text[]) AS busy (version_id, step_key)
            WHERE busy.version_id = step.version_id AND busy.step_key = step.step_key
        )
        AND NOT EXISTS (
            SELECT
            FROM conversations_version AS version
            INNER JOIN conversations_conversation AS conversation ON conversation.id = version.conversation_id
            WHERE version.id = step.version_id AND conversation.paused_at IS NOT NULL
        )
),

chosen AS MATERIALIZED (
    SELECT due.id
    FROM due
    ORDER BY due.next_at, due.id
    LIMIT %(most)s
),

taken AS MATERIALIZED (
    SELECT
        call.id,
        CASE
            WHEN
                subscription.id IS NULL
                OR enrollment.ended_at IS NOT NULL
                OR enrollment.step_key <> call.step_key
                OR enrollment.visit_number <> call.visit_number
                THEN 'left'
            WHEN call.attempts >= %(attempts)s THEN 'spent'
            ELSE 'call'
        END AS verdict
    FROM conversations_call AS call
    LEFT JOIN conversations_enrollment AS enrollment ON enrollment.id = call.enrollment_id
    LEFT JOIN contacts_subscription AS subscription ON subscription.id = enrollment.subscription_id
    WHERE
        call.id = any(array(SELECT chosen.id FROM chosen))
        AND call.state IN ('queued', 'calling')
        AND call.next_at <= %(now)s
    FOR UPDATE OF call SKIP LOCKED
),

claimed AS (
    UPDATE conversations_call AS call
    SET
        state = CASE taken.verdict WHEN 'left' THEN 'failed' ELSE 'calling' END,
        attempts = call.attempts + CASE taken.verdict WHEN 'call' THEN 1 ELSE 0 END,
        claimed_at = %(now)s,
        next_at = %(lease_until)s,
        outcome = CASE taken.verdict
            WHEN 'left' THEN '{"error": "the contact is no longer at this step"}'::jsonb ELSE call.outcome
        END,
        ended_at = CASE taken.verdict WHEN 'left' THEN %(now)s END
    FROM taken
    WHERE call.id = taken.id
    RETURNING
        call.id,
        call.enrollment_id,
        call.version_id,
        call.step_key,
        call.visit_number,
        call.attempts,
        taken.verdict
)

SELECT
    claimed.*,
    enrollment.list_id,
    enrollment.entry_properties,
    contact.email,
    contact.email_norm,
    contact.phone_e164,
    contact.external_id,
    contact.first_name,
    contact.last_name,
    contact.birthday,
    contact.postal_code,
    contact.time_zone,
    contact.locale,
    CASE
        WHEN run.rehearsal_of_id IS NULL THEN subscription.profile
        ELSE jsonb_strip_nulls(subscription.profile || coalesce(
            run.rehearsal #> ARRAY['state', enrollment.contact_id::text, 'profile'], '{}'::jsonb
        ))
    END AS profile
FROM claimed
INNER JOIN conversations_enrollment AS enrollment ON enrollment.id = claimed.enrollment_id
INNER JOIN contacts_subscription AS subscription ON subscription.id = enrollment.subscription_id
INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
INNER JOIN conversations_conversation AS run ON run.id = enrollment.conversation_id
WHERE claimed.verdict <> 'left'
ORDER BY claimed.id;
