-- facts_behind_wakes: from a trigger's fact on that comes after a wake of an active enrollment.
--
-- It sees what the wake makes of that enrollment: by the next tick; and who is asked again
-- behind it may have entered by it.
--
-- Params  none
-- Returns the ids of the facts, each with 1 if it is a trigger's, 0 if it is a wake
-- Locks   none
SELECT
    fact.id,
    (fact.kind <> 'wake')::integer AS is_asking
FROM facts AS fact
INNER JOIN (
    SELECT DISTINCT ON (asking.enrollment_id)
        asking.enrollment_id,
        asking.recorded_at,
        asking.id
    FROM facts AS asking
    INNER JOIN (
        SELECT DISTINCT ON (wake.enrollment_id)
            wake.enrollment_id,
            wake.recorded_at,
            wake.id
        FROM facts AS wake
        WHERE wake.kind = 'wake' AND wake.enrollment_id IS NOT NULL
        ORDER BY wake.enrollment_id, wake.recorded_at, wake.id
    ) AS first ON first.enrollment_id = asking.enrollment_id
    WHERE asking.kind <> 'wake' AND (asking.recorded_at, asking.id) > (first.recorded_at, first.id)
    ORDER BY asking.enrollment_id, asking.recorded_at, asking.id
) AS behind ON behind.enrollment_id = fact.enrollment_id
WHERE (fact.recorded_at, fact.id) >= (behind.recorded_at, behind.id);
