-- move_on: those who left their step in this wave arrive at the next one.
--
-- The tick adds to it where they are now, unless there is one place only: see tick.
--
-- Params  now timestamptz, wave int, held_reason text or NULL (those who arrive are held),
--         edges json [{version_id, step_key, exit, target, passes, is_cyclic}]: `passes` is the
--         exit that everybody takes at the target, if there is one
-- Returns nothing
-- Locks   none
INSERT INTO arrivals (
    enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
    visit_number, visit_counts, arrived_at, is_due, exit, held_reason, place
)
SELECT
    departed.enrollment_id,
    departed.version_id,
    departed.subscription_id,
    departed.contact_id,
    departed.is_new,
    departed.wave + 1,
    edge.target,
    CASE
        WHEN edge.is_cyclic THEN coalesce((departed.visit_counts ->> edge.target)::integer, 0) + 1
        ELSE 1
    END,
    CASE
        WHEN edge.is_cyclic THEN departed.visit_counts || jsonb_build_object(
            edge.target, coalesce((departed.visit_counts ->> edge.target)::integer, 0) + 1
        )
        ELSE departed.visit_counts
    END,
    %(now)s,
    FALSE,
    CASE WHEN %(held_reason)s::text IS NULL THEN edge.passes END,
    %(held_reason)s::text,
    departed.place
FROM arrivals AS departed
INNER JOIN jsonb_to_recordset(%(edges)s::jsonb) AS edge (
    version_id bigint, step_key text, exit text, target text, passes text, is_cyclic boolean
)
    ON
        edge.version_id = departed.version_id
        AND edge.step_key = departed.step_key
        AND edge.exit = departed.exit
WHERE departed.wave = %(wave)s AND departed.end_reason IS NULL;
