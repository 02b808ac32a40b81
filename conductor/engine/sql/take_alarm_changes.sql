-- take_alarm_changes: take the facts after which a yearly date is set anew from the queue.
--
-- Params  now timestamptz, each int (the most of one conversation),
--         triggers json [{conversation_id, step_key, field_id, months, days, at, zone}]
-- Returns how many were taken; what they change is in the temporary table alarm_changes
-- Locks   the rows taken; one tick of an account at a time
-- Index   intake_of_alarms
WITH trigger AS MATERIALIZED (
    SELECT trigger.*
    FROM jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
        conversation_id bigint, step_key text, field_id text, zone text
    )
),

wanted AS MATERIALIZED (
    SELECT oldest.id
    FROM (SELECT DISTINCT trigger.conversation_id FROM trigger) AS live
    CROSS JOIN LATERAL (
        SELECT intake.id
        FROM contacts_intake AS intake
        WHERE
            intake.conversation_id = live.conversation_id
            AND intake.kind = 'alarm'
            AND intake.method <> 'setup'
            AND intake.recorded_at <= %(now)s
        ORDER BY intake.recorded_at, intake.id
        LIMIT %(each)s
    ) AS oldest
),

taken AS (
    DELETE FROM contacts_intake AS intake
    WHERE intake.id = any(array(SELECT wanted.id FROM wanted))
    RETURNING intake.*
),

kept AS (
    INSERT INTO alarm_changes (
        conversation_id, step_key, subscription_id, first_at, last_at, is_zone_only
    )
    SELECT
        taken.conversation_id,
        trigger.step_key,
        taken.subscription_id,
        min(taken.recorded_at),
        max(taken.recorded_at),
        bool_and(taken.method = 'contact_updated')
    FROM taken
    INNER JOIN trigger ON trigger.conversation_id = taken.conversation_id
    WHERE
        taken.subscription_id IS NOT NULL
        AND (
            taken.method = 'added'
            OR (taken.method = 'profile_updated' AND taken.properties -> 'fields' ? trigger.field_id)
            OR (
                taken.method = 'contact_updated'
                AND trigger.zone = 'contact'
                AND coalesce(taken.properties -> 'columns' ? 'time_zone', TRUE)
            )
        )
    GROUP BY taken.conversation_id, trigger.step_key, taken.subscription_id
)

SELECT count(*) FROM taken;
