-- forget_alarms: remove the alarms of triggers that are gone or have changed.
--
-- What is due is left to ring, unless its trigger is gone.
--
-- Params  conversation_id bigint, step_keys text[] (all date triggers of the version that goes
--         live), unchanged text[] (those that are as they were), now timestamptz
-- Returns nothing
-- Locks   the alarms of the conversation
-- Index   alarm_due
DELETE FROM conversations_alarm AS alarm
WHERE
    alarm.conversation_id = %(conversation_id)s
    AND NOT alarm.step_key = any(%(unchanged)s::text[])
    AND (alarm.due_at > %(now)s OR NOT alarm.step_key = any(%(step_keys)s::text[]));
