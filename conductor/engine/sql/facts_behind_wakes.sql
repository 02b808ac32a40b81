-- facts_behind_wakes: the triggers' facts that come after a wake of an active enrollment.
--
-- They see what the wake makes of it: by the next tick.
--
-- Params  none
-- Returns the ids of the facts
-- Locks   none
SELECT fact.id
FROM facts AS fact
INNER JOIN (
    SELECT DISTINCT ON (wake.enrollment_id)
        wake.enrollment_id,
        wake.recorded_at,
        wake.id
    FROM facts AS wake
    WHERE wake.kind = 'wake' AND wake.enrollment_id IS NOT NULL
    ORDER BY wake.enrollment_id, wake.recorded_at, wake.id
) AS first ON first.enrollment_id = fact.enrollment_id
WHERE fact.kind <> 'wake' AND (fact.recorded_at, fact.id) > (first.recorded_at, first.id);
