-- begin_turn: count an attempt at the account's turn, before the work.
--
-- Params  now timestamptz, begun_before timestamptz, most int, paused_since timestamptz
-- Returns attempts, this one included; nothing if another worker has the turn or has begun
--         it just now, or if it failed `most` times and was tried after `paused_since`
-- Locks   the account's turn row, until the commit
-- Index   turn_once_per_account
UPDATE conversations_turn AS turn
SET
    attempts = turn.attempts + 1,
    served_at = %(now)s
FROM (
    SELECT own.id
    FROM conversations_turn AS own
    WHERE
        own.attempts = 0
        OR (own.attempts < %(most)s AND own.served_at <= %(begun_before)s)
        OR own.served_at <= %(paused_since)s
    FOR UPDATE SKIP LOCKED
) AS mine
WHERE turn.id = mine.id
RETURNING turn.attempts;
