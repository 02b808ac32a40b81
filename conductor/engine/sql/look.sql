-- look: what a tick does first, and that what follows is planned for few rows (see plan_for).
--
-- Params  now timestamptz
-- Returns whether a segment may have something to keep, whether yearly dates are heard of or left to forget,
--         the tables that the planner takes for empty and in which this account has many rows
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
    -- A table that was found empty, whose pages are still there, is one row to the planner until
    -- autovacuum comes again: it then reads all that the account has, for each of a batch.
    (
        SELECT coalesce(array_agg(relation.relname), '{}')
        FROM pg_catalog.pg_class AS relation
        WHERE
            relation.oid IN ('contacts_intake'::regclass, 'conversations_enrollment'::regclass)
            AND relation.reltuples BETWEEN 0 AND 999
            AND relation.relpages > 0
            AND pg_relation_size(relation.oid) > 400000
            AND 1000 = CASE relation.oid
                WHEN 'contacts_intake'::regclass THEN (
                    SELECT count(*)
                    FROM (
                        SELECT 1 AS one
                        FROM contacts_intake
                        LIMIT 1000 -- noqa: AM09
                    ) AS fact
                )
                ELSE (
                    SELECT count(*)
                    FROM (
                        SELECT 1 AS one
                        FROM conversations_enrollment
                        LIMIT 1000 -- noqa: AM09
                    ) AS enrollment
                )
            END
    ) AS misjudged,
    set_config('enable_seqscan', 'off', TRUE) AS not_by_scan,
    set_config('enable_bitmapscan', 'off', TRUE) AS not_by_bitmap,
    set_config('enable_hashjoin', 'off', TRUE) AS not_by_hash,
    set_config('enable_mergejoin', 'off', TRUE) AS not_by_merge;
