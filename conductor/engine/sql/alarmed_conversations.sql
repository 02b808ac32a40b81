-- alarmed_conversations: the running conversations with a yearly date that is due, or one to set anew.
--
-- One that hears of no dates any more may have some left to forget.
--
-- Params  now timestamptz
-- Returns conversation id, version id, list id, has dates to set anew
-- Locks   the conversations returned, shared: a pause or publish that answers after this tick
--         began waits for its end
-- Index   listener_of_alarms (an account without yearly dates is asked no more), alarm_due,
--         intake_of_alarms
WITH RECURSIVE queued AS (
    (
        SELECT intake.conversation_id
        FROM contacts_intake AS intake
        WHERE intake.kind = 'alarm'
        ORDER BY intake.conversation_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT intake.conversation_id
        FROM contacts_intake AS intake
        WHERE intake.kind = 'alarm' AND intake.conversation_id > queued.conversation_id
        ORDER BY intake.conversation_id
        LIMIT 1
    )
    FROM queued
    WHERE queued.conversation_id IS NOT NULL
),

listening AS MATERIALIZED (
    SELECT listener.conversation_id
    FROM contacts_listener AS listener
    WHERE listener.role = 'alarm'
    UNION
    SELECT queued.conversation_id
    FROM queued
    WHERE queued.conversation_id IS NOT NULL
),

work AS MATERIALIZED (
    SELECT
        listening.conversation_id,
        (
            SELECT alarm.due_at
            FROM conversations_alarm AS alarm
            WHERE alarm.conversation_id = listening.conversation_id
            ORDER BY alarm.due_at
            LIMIT 1
        ) AS next_due,
        (
            SELECT intake.recorded_at
            FROM contacts_intake AS intake
            WHERE intake.conversation_id = listening.conversation_id AND intake.kind = 'alarm'
            ORDER BY intake.recorded_at, intake.id
            LIMIT 1
        ) AS oldest_change
    FROM listening
)

SELECT
    conversation.id,
    conversation.published_id,
    conversation.list_id,
    coalesce(work.oldest_change <= %(now)s, FALSE) AS has_changes
FROM work
INNER JOIN conversations_conversation AS conversation ON conversation.id = work.conversation_id
WHERE
    (work.next_due <= %(now)s OR work.oldest_change <= %(now)s)
    AND conversation.published_id IS NOT NULL
    AND conversation.paused_at IS NULL
ORDER BY conversation.id
FOR SHARE OF conversation;
