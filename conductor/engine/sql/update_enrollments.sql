-- update_enrollments: move the claimed enrollments to where they came to rest.
--
-- At rest is who took no exit, an exit that ends, or one that the program does not know. Whom
-- a step could not find, because the contact is gone, ends. Who was only woken, and stays
-- where it is, is not written.
--
-- Params  now timestamptz, exits json [{version_id, step_key, exit, reason}]: every exit of the
--         steps passed, with a reason where it ends the enrollment
-- Returns nothing
-- Locks   rows that the claim has locked already
-- Index   none: the claim knows where the rows lie
UPDATE conversations_enrollment AS enrollment
SET
    step_key = rest.step_key,
    visit_number = rest.visit_number,
    visit_counts = rest.visit_counts,
    arrived_at = rest.arrived_at,
    due_at = rest.due_at,
    told = '',
    held_reason = rest.held_reason,
    ended_at = rest.ended_at,
    end_reason = rest.end_reason
FROM (
    SELECT
        arrivals.enrollment_id,
        arrivals.step_key,
        arrivals.visit_number,
        arrivals.visit_counts,
        arrivals.arrived_at,
        CASE WHEN arrivals.exit IS NULL THEN arrivals.due_at END AS due_at,
        CASE
            WHEN arrivals.exit IS NULL AND arrivals.due_at IS NULL AND NOT gone.is_gone
                THEN coalesce(arrivals.held_reason, 'no way out')
            ELSE ''
        END AS held_reason,
        CASE WHEN arrivals.exit IS NOT NULL OR gone.is_gone THEN %(now)s END AS ended_at,
        CASE
            WHEN arrivals.exit IS NOT NULL THEN coalesce(arrivals.end_reason, way.reason, arrivals.exit)
            WHEN gone.is_gone THEN 'contact deleted'
            ELSE ''
        END AS end_reason
    FROM arrivals
    LEFT JOIN jsonb_to_recordset(%(exits)s::jsonb) AS way (
        version_id bigint, step_key text, exit text, reason text
    )
        ON
            way.version_id = arrivals.version_id
            AND way.step_key = arrivals.step_key
            AND way.exit = arrivals.exit
    CROSS JOIN LATERAL (
        SELECT
            arrivals.exit IS NULL AND arrivals.due_at IS NULL AND arrivals.held_reason IS NULL
            AND (
                SELECT subscription.id
                FROM contacts_subscription AS subscription
                WHERE subscription.id = arrivals.subscription_id
            ) IS NULL AS is_gone
    ) AS gone
    WHERE
        NOT arrivals.is_new
        AND (
            arrivals.exit IS NULL
            OR arrivals.end_reason IS NOT NULL
            OR (arrivals.version_id, arrivals.step_key, arrivals.exit) NOT IN (
                SELECT
                    onward.version_id,
                    onward.step_key,
                    onward.exit
                FROM jsonb_to_recordset(%(exits)s::jsonb) AS onward (
                    version_id bigint, step_key text, exit text, reason text
                )
                WHERE onward.reason IS NULL
            )
        )
        AND (
            arrivals.exit IS NOT NULL
            OR arrivals.held_reason IS NOT NULL
            OR arrivals.is_due
            OR NOT arrivals.is_woken
        )
) AS rest
WHERE
    enrollment.id = rest.enrollment_id
    -- Joined by the id alone, the planner may read the whole table.
    AND enrollment.ctid = any(
        array(
            SELECT claimed.place
            FROM arrivals AS claimed
            WHERE claimed.place IS NOT NULL AND claimed.wave <= 1
        )
    );
