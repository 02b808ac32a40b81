-- waiting: how much of each conversation waits, counted no further than one beyond its equal share.
--
-- Params  due_ids bigint[], queued_ids bigint[], now timestamptz,
--         each_due int, each_queued int (the equal shares)
-- Returns is_due (else a queued fact), conversation id, how many, at most one more than its share
-- Locks   none
-- Index   enrollment_due, intake_in_order
SELECT
    TRUE AS is_due,
    live.conversation_id,
    (
        SELECT count(*)
        FROM (
            SELECT 1
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.conversation_id = live.conversation_id
                AND enrollment.ended_at IS NULL
                AND enrollment.due_at <= %(now)s
            ORDER BY enrollment.due_at
            LIMIT %(each_due)s + 1
        ) AS due
    ) AS waiting
FROM unnest(%(due_ids)s::bigint[]) AS live (conversation_id)
UNION ALL
SELECT
    FALSE AS is_due,
    live.conversation_id,
    (
        SELECT count(*)
        FROM (
            SELECT 1
            FROM contacts_intake AS intake
            WHERE
                intake.conversation_id = live.conversation_id
                AND intake.recorded_at <= %(now)s
            ORDER BY intake.recorded_at, intake.id
            LIMIT %(each_queued)s + 1
        ) AS queued
    ) AS waiting
FROM unnest(%(queued_ids)s::bigint[]) AS live (conversation_id);
