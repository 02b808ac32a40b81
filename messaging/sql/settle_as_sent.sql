-- settle_as_sent: take unknown deliveries for sent, and count them as such.
--
-- Params  list_id bigint, delivery_ids bigint[], now timestamptz
-- Returns the ids of those that were unknown
-- Index   messaging_delivery (primary key)
WITH settled AS (
    UPDATE messaging_delivery AS delivery
    SET
        state = 'sent',
        reason = '',
        sent_at = %(now)s::timestamptz
    WHERE
        delivery.id = any(%(delivery_ids)s::bigint[])
        AND delivery.list_id = %(list_id)s
        AND delivery.state = 'unknown'
    RETURNING
        delivery.id,
        delivery.is_test,
        delivery.conversation_id,
        delivery.step_key,
        delivery.message_id
),

counted AS (
    INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number)
    SELECT
        settled.conversation_id,
        settled.step_key,
        settled.message_id,
        'sent',
        count(*)
    FROM settled
    WHERE NOT settled.is_test
    GROUP BY settled.conversation_id, settled.step_key, settled.message_id
)

SELECT settled.id
FROM settled
ORDER BY settled.id;
