-- claim_due: lock enrollments whose time has come and make them this tick's arrivals.
--
-- One whose held_reason is still there was retried by hand: it runs its step again, and its
-- due_at is no timer's. One that was told where to go does not run it: it stands in wave 0
-- with its exit named; so does one whose contact is gone, which ends.
--
-- Params  conversation_ids bigint[], shares int[] (the most of each), now timestamptz
-- Returns nothing; the rows are in the temporary tables enrolled and arrivals
-- Locks   only the rows taken, until the tick commits; rows locked elsewhere are skipped, never waited for
-- Index   enrollment_due (account_id, conversation_id, due_at) WHERE ended_at IS NULL
WITH claimed AS MATERIALIZED (
    SELECT due.*
    FROM unnest(%(conversation_ids)s::bigint[], %(shares)s::int[]) AS live (conversation_id, share)
    CROSS JOIN LATERAL (
        SELECT
            enrollment.*,
            enrollment.ctid AS place
        FROM conversations_enrollment AS enrollment
        WHERE
            enrollment.conversation_id = live.conversation_id
            AND enrollment.ended_at IS NULL
            AND enrollment.due_at <= %(now)s
        ORDER BY enrollment.due_at
        LIMIT live.share
        FOR UPDATE SKIP LOCKED
    ) AS due
),

noted AS (
    INSERT INTO enrolled (
        id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_external_event_id, entry_event_id, entry_thread, entry_method,
        entry_properties, depth, entered_at, is_new
    )
    SELECT
        claimed.id,
        claimed.conversation_id,
        claimed.version_id,
        claimed.list_id,
        claimed.subscription_id,
        claimed.contact_id,
        claimed.entry_number,
        claimed.entry_kind,
        claimed.entry_external_event_id,
        claimed.entry_event_id,
        claimed.entry_thread,
        claimed.entry_method,
        claimed.entry_properties,
        claimed.depth,
        claimed.entered_at,
        FALSE
    FROM claimed
)

INSERT INTO arrivals (
    enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
    visit_number, visit_counts, arrived_at, due_at, is_due, is_told, exit, end_reason, place
)
SELECT
    claimed.id,
    claimed.version_id,
    claimed.subscription_id,
    claimed.contact_id,
    FALSE,
    CASE WHEN claimed.told = '' THEN 1 ELSE 0 END,
    claimed.step_key,
    claimed.visit_number,
    claimed.visit_counts,
    claimed.arrived_at,
    CASE WHEN claimed.held_reason = '' THEN claimed.due_at END,
    claimed.held_reason = '' AND claimed.told = '',
    claimed.told NOT IN ('', '!gone'),
    CASE WHEN claimed.told IN ('!end', '!gone') THEN 'end' ELSE nullif(claimed.told, '') END,
    CASE claimed.told WHEN '!end' THEN 'by hand' WHEN '!gone' THEN 'contact deleted' END,
    claimed.place
FROM claimed;
