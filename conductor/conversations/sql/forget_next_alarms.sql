-- forget_next_alarms: remove the next alarms of a trigger that is gone or has changed.
--
-- Those that were set before it changed; what was due by then is left to ring, unless the
-- trigger is gone. Whoever comes after, and was set anew meanwhile, stays.
--
-- Params  conversation_id bigint, step_key text, after bigint (subscriptions after it), upto
--         bigint (alarms with smaller ids), since timestamptz (null = the trigger is gone), most int
-- Returns how many alarms were looked at, and the last subscription of them
-- Locks   the alarms removed
-- Index   alarm_once
WITH looked AS MATERIALIZED (
    SELECT
        alarm.id,
        alarm.subscription_id,
        alarm.due_at
    FROM conversations_alarm AS alarm
    WHERE
        alarm.conversation_id = %(conversation_id)s
        AND alarm.step_key = %(step_key)s
        AND alarm.subscription_id > %(after)s
    ORDER BY alarm.subscription_id
    LIMIT %(most)s
),

removed AS (
    DELETE FROM conversations_alarm AS alarm
    WHERE
        alarm.id = any(
            array(
                SELECT looked.id
                FROM looked
                WHERE
                    looked.id < %(upto)s
                    AND (%(since)s::timestamptz IS NULL OR looked.due_at > %(since)s)
            )
        )
)

SELECT
    count(*) AS looked,
    max(looked.subscription_id) AS last
FROM looked;
