-- flows: how many left each step of some conversations, by version and exit.
--
-- Params  conversation_ids bigint[], version_id bigint (null = all versions)
-- Returns conversation id, version id, step key, exit, visits; one snapshot: what ticks add up to, at any moment
-- Index   flow_by_conversation
SELECT
    flow.conversation_id,
    flow.version_id,
    flow.step_key,
    flow.exit,
    sum(flow.visits)::bigint AS visits
FROM conversations_flow AS flow
WHERE
    flow.conversation_id = any(%(conversation_ids)s::bigint[])
    AND (%(version_id)s::bigint IS NULL OR flow.version_id = %(version_id)s)
GROUP BY flow.conversation_id, flow.version_id, flow.step_key, flow.exit;
