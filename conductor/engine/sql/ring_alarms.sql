-- ring_alarms: the yearly dates whose instant has come let their contacts in, and are set for next year.
--
-- An alarm that is found on a later day than it is for is counted and passed over. One whose
-- contact or date is gone is removed. What changed before an alarm was due is left alone
-- here: it is set anew first. So is what an older trigger had set and is yet to be forgotten;
-- an alarm that rings meanwhile is a new one.
--
-- Params  now timestamptz, each int (the most of one trigger), account_zone text,
--         triggers json [{conversation_id, step_key, field_id, months, days, at, zone,
--         forgotten [{upto, since}]}],
--         with_changes bool (leave alone what alarm_changes holds)
-- Returns how many came, how many were missed
-- Locks   the alarms taken; rows locked elsewhere are skipped, never waited for
-- Index   alarm_due, the primary key of the subscriptions
WITH trigger AS MATERIALIZED (
    SELECT trigger.*
    FROM jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
        conversation_id bigint, step_key text, field_id text, months integer, days integer,
        at time, zone text, forgotten jsonb
    )
),

due AS MATERIALIZED (
    SELECT
        alarm.*,
        trigger.field_id,
        trigger.months,
        trigger.days,
        trigger.at,
        trigger.zone,
        trigger.forgotten <> '[]' AS is_changing
    FROM trigger
    CROSS JOIN LATERAL (
        SELECT oldest.*
        FROM conversations_alarm AS oldest
        WHERE
            oldest.conversation_id = trigger.conversation_id
            AND oldest.step_key = trigger.step_key
            AND oldest.due_at <= %(now)s
            AND NOT EXISTS (
                SELECT
                FROM jsonb_to_recordset(trigger.forgotten) AS forgotten (
                    upto bigint, since timestamptz
                )
                WHERE
                    oldest.id < forgotten.upto
                    AND (forgotten.since IS NULL OR oldest.due_at > forgotten.since)
            )
            AND NOT EXISTS (
                SELECT
                FROM alarm_changes AS change
                WHERE
                    %(with_changes)s
                    AND change.conversation_id = oldest.conversation_id
                    AND change.step_key = oldest.step_key
                    AND change.subscription_id = oldest.subscription_id
                    AND change.first_at < oldest.due_at
            )
        ORDER BY oldest.due_at
        LIMIT %(each)s
        FOR UPDATE SKIP LOCKED
    ) AS alarm
),

present AS MATERIALIZED (
    SELECT
        due.*,
        subscription.profile ->> due.field_id AS written,
        contact.time_zone,
        CASE
            WHEN due.zone = 'contact' THEN zone_or(contact.time_zone, %(account_zone)s)
            WHEN due.zone = 'account' THEN %(account_zone)s
            ELSE due.zone
        END AS clock
    FROM due
    INNER JOIN contacts_subscription AS subscription ON subscription.id = due.subscription_id
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
),

placed AS MATERIALIZED (
    SELECT
        present.*,
        present.local_date < (%(now)s::timestamptz AT TIME ZONE present.clock)::date AS is_missed,
        present.zone = 'contact' AND present.clock <> present.time_zone AS is_fallback,
        next_yearly(
            present.written,
            present.months,
            present.days,
            present.at,
            present.clock,
            greatest(
                present.due_at,
                local_instant(present.local_date + '23:59:59.999999'::time, present.clock)
            )
        ) AS next_due
    FROM present
),

queued AS (
    INSERT INTO contacts_intake (
        conversation_id, kind, contact_id, subscription_id, step_key, occurred_at, recorded_at,
        method, properties, depth
    )
    SELECT
        placed.conversation_id,
        'date',
        placed.contact_id,
        placed.subscription_id,
        placed.step_key,
        placed.due_at,
        %(now)s,
        '',
        jsonb_build_object('date', placed.local_date, 'value', placed.written),
        0
    FROM placed
    WHERE NOT placed.is_missed
    ORDER BY placed.due_at, placed.id
    RETURNING 1
),

moved AS (
    UPDATE conversations_alarm AS alarm
    SET
        id = CASE
            WHEN placed.is_changing
                THEN nextval(pg_get_serial_sequence('conversations_alarm', 'id'))
            ELSE alarm.id
        END,
        due_at = placed.next_due,
        local_date = (placed.next_due AT TIME ZONE placed.clock)::date,
        rung_on = CASE WHEN placed.is_missed THEN alarm.rung_on ELSE placed.local_date END
    FROM placed
    WHERE alarm.id = placed.id AND placed.next_due IS NOT NULL
),

removed AS (
    DELETE FROM conversations_alarm AS alarm
    WHERE
        alarm.id = any(
            array(
                SELECT due.id
                FROM due
                LEFT JOIN placed ON placed.id = due.id
                WHERE placed.next_due IS NULL
            )
        )
),

counted AS (
    INSERT INTO conversations_tally AS tally (conversation_id, step_key, name, total, last_at)
    SELECT
        placed.conversation_id,
        placed.step_key,
        figure.name,
        count(*),
        %(now)s
    FROM placed
    INNER JOIN (VALUES ('date missed'), ('zone fallback')) AS figure (name)
        ON
            (figure.name = 'date missed' AND placed.is_missed)
            OR (figure.name = 'zone fallback' AND placed.is_fallback)
    GROUP BY placed.conversation_id, placed.step_key, figure.name
    ORDER BY placed.conversation_id, placed.step_key, figure.name
    ON CONFLICT (account_id, conversation_id, step_key, name)
    DO UPDATE SET
        total = tally.total + excluded.total,
        last_at = excluded.last_at
)

SELECT
    (SELECT count(*) FROM queued) AS rung,
    (SELECT count(*) FROM placed
WHERE placed.is_missed) AS missed;
