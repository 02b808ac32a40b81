-- count_tallies: add up what the tick's steps have counted.
--
-- Params  now timestamptz, tallies json [{conversation_id, step_key, name, total}]
-- Returns nothing
-- Locks   the tallies, until the tick commits: one tick of an account at a time
-- Index   tally_once
INSERT INTO conversations_tally AS tally (conversation_id, step_key, name, total, last_at)
SELECT
    counted.conversation_id,
    counted.step_key,
    counted.name,
    counted.total,
    %(now)s
FROM jsonb_to_recordset(%(tallies)s::jsonb) AS counted (
    conversation_id bigint, step_key text, name text, total bigint
)
ORDER BY counted.conversation_id, counted.step_key, counted.name
ON CONFLICT (account_id, conversation_id, step_key, name)
DO UPDATE SET
    total = tally.total + excluded.total,
    last_at = excluded.last_at;
