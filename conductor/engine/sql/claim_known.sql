-- claim_known: lock active enrollments that a fact is about and make them this tick's arrivals.
--
-- They stand in wave 0, where no step is run. Those that the tick has claimed already stay
-- where they are: the claim knows what their time has come for. Of one that was told by hand
-- where to go, or is to try again, and that this tick's claim had no room for, the same is
-- known as there.
--
-- Params  enrollment_ids bigint[]
-- Returns the ids of those that are locked now; others are locked elsewhere, or over
-- Locks   only the rows returned, until the tick commits; rows locked elsewhere are skipped
-- Index   the primary key
WITH locked AS MATERIALIZED (
    SELECT
        enrollment.*,
        enrollment.ctid AS place
    FROM conversations_enrollment AS enrollment
    WHERE
        enrollment.id = any(%(enrollment_ids)s::bigint[])
        AND enrollment.ended_at IS NULL
    FOR UPDATE SKIP LOCKED
),

noted AS (
    INSERT INTO enrolled (
        id, conversation_id, version_id, list_id, subscription_id, contact_id, entry_number,
        entry_kind, entry_external_event_id, entry_event_id, entry_thread, entry_method,
        entry_properties, depth, entered_at, is_new
    )
    SELECT
        locked.id,
        locked.conversation_id,
        locked.version_id,
        locked.list_id,
        locked.subscription_id,
        locked.contact_id,
        locked.entry_number,
        locked.entry_kind,
        locked.entry_external_event_id,
        locked.entry_event_id,
        locked.entry_thread,
        locked.entry_method,
        locked.entry_properties,
        locked.depth,
        locked.entered_at,
        FALSE
    FROM locked
    ON CONFLICT (id) DO NOTHING
    RETURNING enrolled.id
),

placed AS (
    INSERT INTO arrivals (
        enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
        visit_number, visit_counts, arrived_at, due_at, is_due, is_told, is_woken, exit,
        end_reason, place
    )
    SELECT
        locked.id,
        locked.version_id,
        locked.subscription_id,
        locked.contact_id,
        FALSE,
        0,
        locked.step_key,
        locked.visit_number,
        locked.visit_counts,
        locked.arrived_at,
        CASE WHEN locked.held_reason = '' THEN locked.due_at END,
        FALSE,
        locked.told NOT IN ('', '!gone'),
        locked.told NOT IN ('!end', '!gone'),
        CASE WHEN locked.told IN ('!end', '!gone') THEN 'end' ELSE nullif(locked.told, '') END,
        CASE locked.told WHEN '!end' THEN 'by hand' WHEN '!gone' THEN 'contact deleted' END,
        locked.place
    FROM locked
    INNER JOIN noted ON noted.id = locked.id
)

SELECT locked.id
FROM locked;
