-- deliveries: how the messages of a conversation fared, by step.
--
-- Params  conversation_id bigint, version_id bigint (null = all versions)
-- Returns step key, thread, channel, state, reason, how many
-- Index   delivery_by_step
SELECT
    delivery.step_key,
    delivery.thread,
    delivery.channel,
    delivery.state,
    delivery.reason,
    count(*) AS count
FROM messaging_delivery AS delivery
WHERE
    delivery.conversation_id = %(conversation_id)s
    AND NOT delivery.is_test
    AND (%(version_id)s::bigint IS NULL OR delivery.version_id = %(version_id)s)
GROUP BY delivery.step_key, delivery.thread, delivery.channel, delivery.state, delivery.reason
ORDER BY delivery.step_key, delivery.thread, delivery.channel, delivery.state, delivery.reason;
