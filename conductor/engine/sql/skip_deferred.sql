-- skip_deferred: take back the messages put off that a goal or an exit rule has overtaken.
--
-- What is queued already goes.
--
-- Params  none
-- Returns nothing
-- Locks   the deliveries; a sender that has one of them is waited for
-- Index   delivery_once_per_visit
UPDATE messaging_delivery AS delivery
SET
    state = 'skipped',
    reason = 'exited by goal',
    not_before = NULL
WHERE
    delivery.enrollment_id = any(
        array(
            SELECT arrivals.enrollment_id
            FROM arrivals
            WHERE arrivals.is_woken AND arrivals.end_reason IN ('goal', 'exit rule')
        )
    )
    AND delivery.state = 'deferred';
