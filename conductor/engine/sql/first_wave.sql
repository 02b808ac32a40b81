-- first_wave: the steps at which this tick's enrollments stand at its start.
--
-- Params  none
-- Returns version id, step key, how many
-- Locks   none
SELECT
    arrivals.version_id,
    arrivals.step_key,
    count(*)
FROM arrivals
GROUP BY arrivals.version_id, arrivals.step_key
ORDER BY arrivals.version_id, arrivals.step_key;
