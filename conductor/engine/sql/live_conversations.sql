-- live_conversations: the published, unpaused conversations that have work at `now`.
--
-- Params  now timestamptz
-- Returns conversation id, version id, list id, has due enrollments, has queued facts, the account's zone
-- Locks   the conversations returned, shared: a pause or publish that answers after this tick
--         began waits for its end, and nothing moves once a pause is answered
-- Index   enrollment_due, intake_in_order: the first entry of each, a conversation. Asked only
--         whether there is one, the planner may scan the table for it
WITH work AS MATERIALIZED (
    SELECT
        conversation.id,
        (
            SELECT enrollment.due_at
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.conversation_id = conversation.id
                AND enrollment.ended_at IS NULL
                AND enrollment.due_at IS NOT NULL
            ORDER BY enrollment.due_at
            LIMIT 1
        ) AS next_due,
        (
            SELECT intake.recorded_at
            FROM contacts_intake AS intake
            WHERE intake.conversation_id = conversation.id
            ORDER BY intake.recorded_at, intake.id
            LIMIT 1
        ) AS oldest_fact
    FROM conversations_conversation AS conversation
    WHERE
        conversation.published_id IS NOT NULL
        AND conversation.paused_at IS NULL
)

SELECT
    conversation.id,
    conversation.published_id,
    conversation.list_id,
    coalesce(work.next_due <= %(now)s, FALSE) AS has_due,
    coalesce(work.oldest_fact <= %(now)s, FALSE) AS has_facts,
    (SELECT account.time_zone FROM accounts_account AS account) AS account_zone
FROM work
INNER JOIN conversations_conversation AS conversation ON conversation.id = work.id
WHERE
    (work.next_due <= %(now)s OR work.oldest_fact <= %(now)s)
    AND conversation.published_id IS NOT NULL
    AND conversation.paused_at IS NULL
ORDER BY conversation.id
FOR SHARE OF conversation;
