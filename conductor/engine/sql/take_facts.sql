-- take_facts: take the oldest facts of each conversation from the queue and ask who may enter.
--
-- Whether somebody may enter is the same for all facts of a contact in one tick, since one
-- entry is the most there is. A trigger without a filter is matched here; those with one
-- are asked afterwards. A fact that no trigger means is dropped. A wake asks those inside.
--
-- Params  now timestamptz, account_zone text, crowd int (the most of one contact),
--         passed_over bigint[] (contacts whose facts are taken only if there are no others),
--         conversations json [{conversation_id, share (the most of it), list_id, reentry, months, days, seconds, zone,
--         is_expired, restarts, alarms}],
--         triggers json [{conversation_id, number, kind, external_event_id, segment_id, step_key,
--         field_ids, statuses, months, days, seconds (how long ago it may have been; null = ever), has_filter}]
-- Returns how many were taken, how many of them are triggers' facts, wakes, wakes of contacts
--         that are not on the list, facts that replace an enrollment, the contacts who have
--         more in the queue than the most of one; the rows are in the temporary table facts
-- Locks   the rows taken; the caller holds the account's intake lock
-- Index   intake_in_order, subscription_once_per_list_and_contact, enrollment_entry_number_once
WITH live AS MATERIALIZED (
    SELECT live.*
    FROM jsonb_to_recordset(%(conversations)s::jsonb) AS live (
        conversation_id bigint, share integer, list_id bigint, reentry text, months integer, days integer,
        seconds double precision, zone text, is_expired boolean, restarts boolean, alarms boolean
    )
),

-- Whether anybody else has a fact; asked only if somebody is passed over.
others AS (
    SELECT TRUE AS are_there
    FROM live
    CROSS JOIN LATERAL (
        SELECT intake.id
        FROM contacts_intake AS intake
        WHERE
            intake.conversation_id = live.conversation_id
            AND intake.contact_id <> all(%(passed_over)s::bigint[])
            AND intake.recorded_at <= %(now)s
            AND intake.occurred_at <= %(now)s
            AND (intake.kind <> 'alarm' OR NOT live.alarms AND intake.method <> 'setup')
        ORDER BY intake.recorded_at, intake.id
        LIMIT 1
    ) AS first
    LIMIT 1 -- noqa: AM09
),

near AS MATERIALIZED (
    SELECT
        oldest.id,
        oldest.contact_id,
        row_number() OVER (
            PARTITION BY live.conversation_id, oldest.contact_id
            ORDER BY oldest.recorded_at, oldest.id
        ) AS place
    FROM live
    CROSS JOIN LATERAL (
        SELECT
            intake.id,
            intake.contact_id,
            intake.recorded_at
        FROM contacts_intake AS intake
        WHERE
            intake.conversation_id = live.conversation_id
            AND (
                intake.contact_id <> all(%(passed_over)s::bigint[])
                OR (SELECT others.are_there FROM others) IS NULL
            )
            AND intake.recorded_at <= %(now)s
            AND intake.occurred_at <= %(now)s
            AND (intake.kind <> 'alarm' OR NOT live.alarms AND intake.method <> 'setup')
        ORDER BY intake.recorded_at, intake.id
        LIMIT live.share
    ) AS oldest
),

-- An array, not a join: a join would be planned as a scan of the whole queue.
taken AS (
    DELETE FROM contacts_intake AS intake
    WHERE
        intake.id = any(array(
            SELECT near.id
            FROM near
            WHERE near.place <= %(crowd)s
        ))
    RETURNING intake.*
),

noted AS (
    INSERT INTO facts (
        id, conversation_id, kind, external_event_id, segment_id, event_id, contact_id,
        queued_subscription_id, step_key, occurred_at, recorded_at, method, properties, depth,
        subscription_id, enrollment_id, entry_number, refusal, trigger_number, asked_numbers
    )
    SELECT
        taken.id,
        taken.conversation_id,
        taken.kind,
        taken.external_event_id,
        taken.segment_id,
        taken.event_id,
        taken.contact_id,
        taken.subscription_id AS queued_subscription_id,
        taken.step_key,
        taken.occurred_at,
        taken.recorded_at,
        taken.method,
        taken.properties,
        taken.depth,
        subscription.id AS subscription_id,
        CASE WHEN latest.ended_at IS NULL THEN latest.id END,
        coalesce(latest.entry_number, 0) + 1,
        CASE
            WHEN taken.kind = 'wake' THEN NULL
            WHEN subscription.id IS NULL THEN 'not on list'
            WHEN live.is_expired THEN 'expired'
            WHEN taken.kind IN ('enroll', 'by_hand') AND meant.number IS NULL THEN 'thread is gone'
            WHEN taken.depth >= 10 THEN 'loop'
            WHEN latest.entry_number IS NULL THEN NULL
            WHEN latest.ended_at IS NULL AND NOT live.restarts THEN 'already in'
            WHEN live.reentry = 'once' THEN 'entered before'
            WHEN
                live.reentry = 'after'
                AND add_duration(
                    latest.entered_at, live.months, live.days, live.seconds,
                    CASE
                        WHEN live.zone = 'account' THEN %(account_zone)s
                        WHEN live.zone = 'contact' THEN (
                            SELECT zone_or(contact.time_zone, %(account_zone)s)
                            FROM contacts_contact AS contact
                            WHERE contact.id = taken.contact_id
                        )
                        ELSE live.zone
                    END
                ) > %(now)s
                THEN 'entered lately'
        END,
        meant.number,
        meant.asked
    FROM taken
    INNER JOIN live ON live.conversation_id = taken.conversation_id
    LEFT JOIN contacts_subscription AS subscription
        ON
            subscription.list_id = live.list_id
            AND subscription.contact_id = taken.contact_id
    LEFT JOIN LATERAL (
        SELECT
            enrollment.id,
            enrollment.entry_number,
            enrollment.entered_at,
            enrollment.ended_at
        FROM conversations_enrollment AS enrollment
        WHERE
            enrollment.conversation_id = taken.conversation_id
            AND enrollment.subscription_id = subscription.id
        ORDER BY enrollment.entry_number DESC
        LIMIT 1
    ) AS latest ON TRUE
    CROSS JOIN LATERAL (
        SELECT
            min(trigger.number) FILTER (WHERE NOT trigger.has_filter) AS number,
            array_agg(trigger.number) FILTER (WHERE trigger.has_filter) AS asked
        FROM jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
            conversation_id bigint, number integer, kind text, external_event_id bigint,
            segment_id bigint, step_key text, field_ids text[], statuses text[],
            months integer, days integer, seconds double precision, has_filter boolean
        )
        WHERE
            trigger.conversation_id = taken.conversation_id
            AND trigger.kind = taken.kind
            AND (
                trigger.external_event_id IS NOT DISTINCT FROM taken.external_event_id
                -- By hand it is what a test run pretends, not what lets them in.
                OR taken.kind = 'by_hand'
            )
            AND trigger.segment_id IS NOT DISTINCT FROM taken.segment_id
            AND (taken.step_key = '' OR trigger.step_key = taken.step_key)
            AND (trigger.field_ids IS NULL OR taken.properties -> 'fields' ?| trigger.field_ids)
            AND (trigger.statuses IS NULL OR taken.properties ->> 'status' = any(trigger.statuses))
            -- A file says itself which of its orders start something.
            AND (
                trigger.months IS NULL
                OR taken.method = 'import'
                OR coalesce((taken.properties ->> 'event_at')::timestamptz, taken.occurred_at)
                >= add_duration(
                    taken.recorded_at, -trigger.months, -trigger.days, -trigger.seconds,
                    CASE
                        WHEN live.zone IN ('account', 'contact') THEN %(account_zone)s
                        ELSE live.zone
                    END
                )
            )
    ) AS meant
    WHERE
        meant.number IS NOT NULL
        OR meant.asked IS NOT NULL
        OR taken.kind IN ('wake', 'enroll', 'by_hand')
    RETURNING facts.kind, facts.enrollment_id, facts.subscription_id, facts.refusal
)

SELECT
    (SELECT count(*) FROM taken) AS taken,
    count(*) FILTER (WHERE noted.kind <> 'wake') AS asking,
    count(*) FILTER (WHERE noted.kind = 'wake') AS wakes,
    count(*) FILTER (WHERE noted.kind = 'wake' AND noted.subscription_id IS NULL) AS strays,
    count(*) FILTER (
        WHERE noted.kind <> 'wake' AND noted.refusal IS NULL AND noted.enrollment_id IS NOT NULL
    ) AS replacing,
    (
        SELECT array_agg(DISTINCT near.contact_id)
        FROM near
        WHERE near.place > %(crowd)s
    ) AS crowding
FROM noted;
