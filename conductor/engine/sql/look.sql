-- look: what a tick does first, and that what follows is planned for few rows (see plan_for).
--
-- Params  now timestamptz
-- Returns whether a segment may have something to keep, whether yearly dates are heard of or left to forget
-- Locks   none
-- Index   segment_touch_in_order, segment_member_to_recheck, listener_of_alarms, intake_of_alarms
SELECT
    coalesce(
        (
            SELECT TRUE
            FROM contacts_segmenttouch AS touch
            WHERE touch.recorded_at <= %(now)s
            ORDER BY touch.recorded_at
            LIMIT 1
        ), (
            SELECT TRUE
            FROM contacts_segmentmember AS member
            WHERE member.recheck_at <= %(now)s
            ORDER BY member.recheck_at
            LIMIT 1
        ), FALSE
    ) AS keeps,
    coalesce(
        (
            SELECT TRUE
            FROM contacts_listener AS listener
            WHERE listener.role = 'alarm'
            ORDER BY listener.conversation_id
            LIMIT 1
        ), (
            SELECT TRUE
            FROM contacts_intake AS intake
            WHERE intake.kind = 'alarm'
            ORDER BY intake.conversation_id
            LIMIT 1
        ), FALSE
    ) AS rings,
    set_config('enable_seqscan', 'off', TRUE) AS not_by_scan,
    set_config('enable_bitmapscan', 'off', TRUE) AS not_by_bitmap,
    set_config('enable_hashjoin', 'off', TRUE) AS not_by_hash,
    set_config('enable_mergejoin', 'off', TRUE) AS not_by_merge;
