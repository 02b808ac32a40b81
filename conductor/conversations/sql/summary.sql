-- summary: where a conversation's contacts are and how its messages fared, in one snapshot.
--
-- Params  conversation_id bigint, version_id bigint (null = all versions)
-- Returns kind, step_key, and by kind: place (entered, waiting), exit (name, visits), delivery (thread, channel,
--         state, reason, deliveries); one statement, so that entered = waiting + ended whatever moves meanwhile
-- Index   enrollment_waiting for places, flow_by_conversation for visits, delivery_by_step
SELECT
    'place' AS kind,
    enrollment.step_key,
    '' AS thread,
    '' AS channel,
    '' AS state,
    '' AS reason,
    count(*) AS total,
    count(*) FILTER (WHERE enrollment.ended_at IS NULL) AS waiting
FROM conversations_enrollment AS enrollment
WHERE
    enrollment.conversation_id = %(conversation_id)s
    AND (%(version_id)s::bigint IS NULL OR enrollment.version_id = %(version_id)s)
GROUP BY enrollment.step_key
UNION ALL
SELECT
    'exit' AS kind,
    flow.step_key,
    '' AS thread,
    '' AS channel,
    '' AS state,
    flow.exit AS reason,
    sum(flow.visits)::bigint AS total,
    0 AS waiting
FROM conversations_flow AS flow
WHERE
    flow.conversation_id = %(conversation_id)s
    AND (%(version_id)s::bigint IS NULL OR flow.version_id = %(version_id)s)
GROUP BY flow.step_key, flow.exit
UNION ALL
SELECT
    'delivery' AS kind,
    delivery.step_key,
    delivery.thread,
    delivery.channel,
    delivery.state,
    delivery.reason,
    count(*) AS total,
    0 AS waiting
FROM messaging_delivery AS delivery
WHERE
    delivery.conversation_id = %(conversation_id)s
    AND NOT delivery.is_test
    AND (%(version_id)s::bigint IS NULL OR delivery.version_id = %(version_id)s)
GROUP BY delivery.step_key, delivery.thread, delivery.channel, delivery.state, delivery.reason
ORDER BY step_key, thread, channel, state, reason;
