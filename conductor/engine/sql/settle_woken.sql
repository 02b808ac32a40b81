-- settle_woken: send the woken who go on to the steps that want them.
--
-- A step that waits for something happening is run for them; elsewhere they stay in wave 0.
-- Who is held waits for a retry, and a retried one is no timer's nor a fact's.
--
-- Params  waking json [{version_id, step_key}]: the steps that are run for the woken
-- Returns nothing
-- Locks   none
UPDATE arrivals
SET
    wave = CASE
        WHEN
            arrivals.wave = 0
            AND arrivals.due_at IS NOT NULL
            AND (arrivals.version_id, arrivals.step_key) IN (
                SELECT
                    waking.version_id,
                    waking.step_key
                FROM jsonb_to_recordset(%(waking)s::jsonb) AS waking (version_id bigint, step_key text)
            )
            THEN 1
        ELSE arrivals.wave
    END,
    is_woken = arrivals.wave = 0 OR arrivals.is_due
WHERE arrivals.is_woken AND arrivals.exit IS NULL AND arrivals.held_reason IS NULL;
