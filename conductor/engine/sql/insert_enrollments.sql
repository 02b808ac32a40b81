-- insert_enrollments: write the enrollments that began in this tick, each where it came to rest.
--
-- At rest is who took no exit, an exit that ends, or one that the program does not know. Whom
-- a step could not find, because the contact is gone, ends.
--
-- Who went on is left out while arrivals are read: the planner would join all of them first.
--
-- Params  now timestamptz, exits json [{version_id, step_key, exit, reason}]: every exit of the
--         steps passed, with a reason where it ends the enrollment
-- Returns nothing
-- Locks   none; the two unique keys refuse a second entry
INSERT INTO conversations_enrollment (
    id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
    entry_kind, entry_external_event_id, entry_event_id, entry_thread, entry_method,
    entry_properties, depth, entered_at, step_key, visit_number, visit_counts, arrived_at,
    due_at, held_reason, ended_at, end_reason
)
SELECT
    enrolled.id,
    enrolled.conversation_id,
    enrolled.version_id,
    enrolled.list_id,
    enrolled.subscription_id,
    enrolled.contact_id,
    enrolled.entry_number,
    enrolled.entry_kind,
    enrolled.entry_external_event_id,
    enrolled.entry_event_id,
    enrolled.entry_thread,
    enrolled.entry_method,
    enrolled.entry_properties,
    enrolled.depth,
    enrolled.entered_at,
    rest.step_key,
    rest.visit_number,
    rest.visit_counts,
    rest.arrived_at,
    rest.due_at,
    CASE
        WHEN rest.exit IS NULL AND rest.due_at IS NULL AND NOT gone.is_gone
            THEN coalesce(rest.held_reason, 'no way out')
        ELSE ''
    END,
    CASE WHEN rest.exit IS NOT NULL OR gone.is_gone THEN %(now)s END,
    CASE
        WHEN rest.exit IS NOT NULL THEN coalesce(rest.end_reason, way.reason, rest.exit)
        WHEN gone.is_gone THEN 'contact deleted'
        ELSE ''
    END
FROM arrivals AS rest
INNER JOIN enrolled ON enrolled.id = rest.enrollment_id
LEFT JOIN jsonb_to_recordset(%(exits)s::jsonb) AS way (
    version_id bigint, step_key text, exit text, reason text
)
    ON
        way.version_id = rest.version_id
        AND way.step_key = rest.step_key
        AND way.exit = rest.exit
CROSS JOIN LATERAL (
    SELECT
        rest.exit IS NULL AND rest.due_at IS NULL AND rest.held_reason IS NULL
        AND (
            SELECT subscription.id
            FROM contacts_subscription AS subscription
            WHERE subscription.id = rest.subscription_id
        ) IS NULL AS is_gone
) AS gone
WHERE
    rest.is_new
    AND (
        rest.exit IS NULL
        OR rest.end_reason IS NOT NULL
        OR (rest.version_id, rest.step_key, rest.exit) NOT IN (
            SELECT
                onward.version_id,
                onward.step_key,
                onward.exit
            FROM jsonb_to_recordset(%(exits)s::jsonb) AS onward (
                version_id bigint, step_key text, exit text, reason text
            )
            WHERE onward.reason IS NULL
        )
    );
