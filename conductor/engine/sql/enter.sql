-- enter: enroll the contact of the first fact, in order, that matches a trigger.
--
-- Params  now timestamptz,
--         triggers json [{conversation_id, number, version_id, list_id, thread, step_key, exit, is_cyclic}]
-- Returns nothing; the rows are in the temporary tables enrolled and arrivals
-- Locks   none: the ids come from the sequence, the rows are written by the flush
WITH entering AS MATERIALIZED (
    SELECT
        nextval('conversations_enrollment_id_seq') AS id,
        trigger.*,
        first.*
    FROM (
        SELECT DISTINCT ON (fact.conversation_id, fact.contact_id)
            fact.conversation_id AS entered_id,
            fact.subscription_id,
            fact.contact_id,
            fact.entry_number,
            fact.kind,
            fact.external_event_id,
            fact.event_id,
            fact.method,
            fact.properties,
            fact.depth,
            fact.trigger_number
        FROM facts AS fact
        WHERE fact.refusal IS NULL AND fact.trigger_number IS NOT NULL
        ORDER BY fact.conversation_id, fact.contact_id, fact.recorded_at, fact.id
    ) AS first
    INNER JOIN jsonb_to_recordset(%(triggers)s::jsonb) AS trigger (
        conversation_id bigint, number integer, version_id bigint, list_id bigint,
        thread text, step_key text, exit text, is_cyclic boolean
    )
        ON
            trigger.conversation_id = first.entered_id
            AND trigger.number = first.trigger_number
),

noted AS (
    INSERT INTO enrolled (
        id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_external_event_id, entry_event_id, entry_thread, entry_method,
        entry_properties, depth, entered_at, is_new
    )
    SELECT
        entering.id,
        entering.conversation_id,
        entering.version_id,
        entering.list_id,
        entering.subscription_id,
        entering.contact_id,
        entering.entry_number,
        entering.kind,
        entering.external_event_id,
        entering.event_id,
        entering.thread,
        entering.method,
        entering.properties,
        entering.depth,
        %(now)s,
        TRUE
    FROM entering
)

INSERT INTO arrivals (
    enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
    visit_number, visit_counts, arrived_at, is_due, exit
)
SELECT
    entering.id,
    entering.version_id,
    entering.subscription_id,
    entering.contact_id,
    TRUE,
    1,
    entering.step_key,
    1,
    CASE WHEN entering.is_cyclic THEN jsonb_build_object(entering.step_key, 1) ELSE '{}'::jsonb END,
    %(now)s,
    FALSE,
    entering.exit
FROM entering;
