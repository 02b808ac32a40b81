-- insert_visits: write every visit that ended in this tick, and how many left by each exit.
--
-- Whom a step could not find, because the contact is gone, ended there.
-- Ids follow the way that each contact took: within a tick nothing else tells it.
--
-- Params  now timestamptz, programs json [{version_id, conversation_id}],
--         rehearsals bigint[] (versions that are test runs)
-- Returns how many visits ended, and how many of them in test runs
-- Locks   none
WITH ended AS (
    INSERT INTO conversations_visit (
        enrollment_id, conversation_id, version_id, step_key, visit_number, arrived_at, due_at,
        left_at, exit, reason
    )
    SELECT
        arrivals.enrollment_id,
        program.conversation_id,
        arrivals.version_id,
        arrivals.step_key,
        arrivals.visit_number,
        arrivals.arrived_at,
        arrivals.due_at,
        %(now)s,
        coalesce(arrivals.exit, 'end'),
        CASE WHEN arrivals.is_told THEN 'by hand' END
    FROM arrivals
    INNER JOIN jsonb_to_recordset(%(programs)s::jsonb) AS program (version_id bigint, conversation_id bigint)
        ON program.version_id = arrivals.version_id
    WHERE
        arrivals.exit IS NOT NULL
        OR (
            arrivals.due_at IS NULL
            AND arrivals.held_reason IS NULL
            AND (arrivals.is_due OR NOT arrivals.is_woken)
            AND (
                SELECT subscription.id
                FROM contacts_subscription AS subscription
                WHERE subscription.id = arrivals.subscription_id
            ) IS NULL
        )
    ORDER BY arrivals.wave
    RETURNING conversation_id, version_id, step_key, exit
),

counted AS (
    INSERT INTO conversations_flow (conversation_id, version_id, step_key, exit, visits)
    SELECT
        ended.conversation_id,
        ended.version_id,
        ended.step_key,
        ended.exit,
        count(*)
    FROM ended
    GROUP BY ended.conversation_id, ended.version_id, ended.step_key, ended.exit
    RETURNING version_id, visits
)

SELECT
    coalesce(sum(counted.visits), 0)::bigint AS visits,
    coalesce(
        sum(counted.visits) FILTER (WHERE counted.version_id = any(%(rehearsals)s::bigint[])), 0
    )::bigint AS rehearsed
FROM counted;
