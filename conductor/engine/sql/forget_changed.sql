-- forget_changed: of those whose yearly date is set anew, remove what an older trigger had set.
--
-- Params  triggers json [{conversation_id, step_key, forgotten [{upto, since}]}]
-- Returns nothing
-- Locks   the alarms removed: of subscriptions in alarm_changes
-- Index   alarm_once
DELETE FROM conversations_alarm AS alarm
WHERE
    alarm.id = any(
        array(
            SELECT former.id
            FROM alarm_changes AS change
            INNER JOIN jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
                conversation_id bigint, step_key text, forgotten jsonb
            )
                ON
                    trigger.conversation_id = change.conversation_id
                    AND trigger.step_key = change.step_key
            CROSS JOIN LATERAL jsonb_to_recordset(trigger.forgotten) AS forgotten (
                upto bigint, since timestamptz
            )
            INNER JOIN conversations_alarm AS former
                ON
                    former.conversation_id = change.conversation_id
                    AND former.step_key = change.step_key
                    AND former.subscription_id = change.subscription_id
            WHERE
                former.id < forgotten.upto
                AND (forgotten.since IS NULL OR former.due_at > forgotten.since)
        )
    );
