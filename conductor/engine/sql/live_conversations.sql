-- live_conversations: the published, unpaused conversations that have work at `now`.
--
-- Params  now timestamptz
-- Returns conversation id, version id, list id, has due enrollments, has queued facts
-- Locks   the conversations returned, shared: a pause or publish that answers after this tick
--         began waits for its end, and nothing moves once a pause is answered
-- Index   enrollment_due, intake_in_order: one probe of each a conversation
SELECT
    conversation.id,
    conversation.published_id,
    conversation.list_id,
    work.has_due,
    work.has_facts
FROM conversations_conversation AS conversation
CROSS JOIN LATERAL (
    SELECT
        EXISTS(
            SELECT 1
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.conversation_id = conversation.id
                AND enrollment.ended_at IS NULL
                AND enrollment.due_at <= %(now)s
        ) AS has_due,
        EXISTS(
            SELECT 1
            FROM contacts_intake AS intake
            WHERE
                intake.conversation_id = conversation.id
                AND intake.recorded_at <= %(now)s
                AND intake.occurred_at <= %(now)s
        ) AS has_facts
) AS work
WHERE
    conversation.published_id IS NOT NULL
    AND conversation.paused_at IS NULL
    AND (work.has_due OR work.has_facts)
ORDER BY conversation.id
FOR SHARE OF conversation;
