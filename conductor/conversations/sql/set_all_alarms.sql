-- set_all_alarms: set the alarms of date triggers for those on a list who have the date.
--
-- Params  list_id bigint, after bigint and last bigint (subscriptions after the first, up to the
--         other), most int (null = all), account_zone text, since timestamptz,
--         triggers json [{conversation_id, step_key, field_id, months, days, at, zone}]
-- Returns how many subscriptions were looked at, and the last of them
-- Locks   none; an alarm that is there stays
-- Index   contacts_subscription (account_id, id)
WITH looked AS MATERIALIZED (
    SELECT
        subscription.id,
        subscription.contact_id,
        subscription.profile
    FROM contacts_subscription AS subscription
    WHERE
        subscription.list_id = %(list_id)s
        AND subscription.id > %(after)s
        AND subscription.id <= %(last)s
    ORDER BY subscription.id
    LIMIT %(most)s
),

dated AS MATERIALIZED (
    SELECT
        trigger.conversation_id,
        trigger.step_key,
        trigger.months,
        trigger.days,
        trigger.at,
        subscription.id AS subscription_id,
        subscription.contact_id,
        subscription.profile ->> trigger.field_id AS written,
        CASE
            WHEN trigger.zone = 'contact' THEN zone_or(contact.time_zone, %(account_zone)s)
            WHEN trigger.zone = 'account' THEN %(account_zone)s
            ELSE trigger.zone
        END AS clock
    FROM jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
        conversation_id bigint, step_key text, field_id text, months integer, days integer,
        at time, zone text
    )
    INNER JOIN looked AS subscription ON subscription.profile ? trigger.field_id
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
),

target AS MATERIALIZED (
    SELECT
        dated.*,
        next_yearly(dated.written, dated.months, dated.days, dated.at, dated.clock, %(since)s) AS due_at
    FROM dated
),

written AS (
    INSERT INTO conversations_alarm (
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
    ORDER BY target.step_key, target.subscription_id
    ON CONFLICT (account_id, conversation_id, step_key, subscription_id) DO NOTHING
)

SELECT
    count(*) AS looked,
    max(looked.id) AS last
FROM looked;
