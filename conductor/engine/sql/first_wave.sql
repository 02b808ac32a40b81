-- first_wave: the steps at which this tick's enrollments stand at its start.
--
-- Params  none
-- Returns version id, step key, wave (0 = no step is run), how many
-- Locks   none
SELECT
    arrivals.version_id,
    arrivals.step_key,
    arrivals.wave,
    count(*)
FROM arrivals
GROUP BY arrivals.version_id, arrivals.step_key, arrivals.wave
ORDER BY arrivals.version_id, arrivals.step_key, arrivals.wave;
