-- set_alarms: set the yearly dates anew that facts have changed.
--
-- The instant is the first after the change was recorded; whoever has no date any more, or is
-- gone, has no alarm. A contact that only moved to another zone keeps the day. Nobody has two
-- on one day, however late the change is heard of.
--
-- Params  account_zone text,
--         triggers json [{conversation_id, step_key, field_id, months, days, at, zone}]
-- Returns nothing
-- Locks   the alarms of the subscriptions in alarm_changes
-- Index   alarm_once, the primary key of the subscriptions
WITH changed AS MATERIALIZED (
    SELECT
        change.*,
        subscription.contact_id,
        subscription.profile ->> trigger.field_id AS written,
        trigger.months,
        trigger.days,
        trigger.at,
        CASE
            WHEN trigger.zone = 'contact' THEN zone_or(contact.time_zone, %(account_zone)s)
            WHEN trigger.zone = 'account' THEN %(account_zone)s
            ELSE trigger.zone
        END AS clock
    FROM alarm_changes AS change
    INNER JOIN jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
        conversation_id bigint, step_key text, field_id text, months integer, days integer,
        at time, zone text
    )
        ON
            trigger.conversation_id = change.conversation_id
            AND trigger.step_key = change.step_key
    LEFT JOIN contacts_subscription AS subscription ON subscription.id = change.subscription_id
    LEFT JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
),

target AS MATERIALIZED (
    SELECT
        changed.conversation_id,
        changed.step_key,
        changed.subscription_id,
        changed.contact_id,
        changed.clock,
        CASE
            WHEN changed.is_zone_only AND present.id IS NOT NULL
                THEN local_instant(present.local_date + changed.at, changed.clock)
            ELSE
                next_yearly(
                    changed.written,
                    changed.months,
                    changed.days,
                    changed.at,
                    changed.clock,
                    greatest(
                        changed.last_at,
                        local_instant(present.rung_on + '23:59:59.999999'::time, changed.clock)
                    )
                )
        END AS due_at
    FROM changed
    LEFT JOIN conversations_alarm AS present
        ON
            present.conversation_id = changed.conversation_id
            AND present.step_key = changed.step_key
            AND present.subscription_id = changed.subscription_id
),

removed AS (
    DELETE FROM conversations_alarm AS alarm
    USING target
    WHERE
        alarm.conversation_id = target.conversation_id
        AND alarm.step_key = target.step_key
        AND alarm.subscription_id = target.subscription_id
        AND target.due_at IS NULL
)

INSERT INTO conversations_alarm AS alarm (
    conversation_id, step_key, subscription_id, contact_id, local_date, due_at
)
SELECT
    target.conversation_id,
    target.step_key,
    target.subscription_id,
    target.contact_id,
    (target.due_at AT TIME ZONE target.clock)::date,
    target.due_at
FROM target
WHERE target.due_at IS NOT NULL
ORDER BY target.conversation_id, target.step_key, target.subscription_id
ON CONFLICT (account_id, conversation_id, step_key, subscription_id)
DO UPDATE SET
    local_date = excluded.local_date,
    due_at = excluded.due_at;
