-- suppress: write to no more of these addresses; those that are suppressed already stay as they are.
--
-- Params  channel text, addresses text[] (normalised), list_id bigint (null: the whole account),
--         reason text, source text, now timestamptz
-- Returns nothing; the number of rows is how many were not suppressed before
-- Index   suppression_once (account_id, channel, address, list_id)
INSERT INTO messaging_suppression (channel, address, list_id, reason, source, created_at)
SELECT DISTINCT
    %(channel)s,
    given.address,
    %(list_id)s::bigint,
    %(reason)s,
    %(source)s,
    %(now)s::timestamptz
FROM unnest(%(addresses)s::text[]) AS given (address)
ON CONFLICT (account_id, channel, address, list_id) DO NOTHING;
