-- note_blanks: count in how many copies of messages a name was left empty.
--
-- Params  message_ids bigint[], names text[], numbers bigint[] (of one length, in one order for
--         all senders, so that none waits for another in a circle), now timestamptz
-- Returns nothing
-- Locks   the rows of those messages and names, until the batch is written down
-- Index   blank_name_once
INSERT INTO messaging_blankname (message_id, name, number, last_at)
SELECT
    blank.message_id,
    blank.name,
    blank.number,
    %(now)s::timestamptz
FROM unnest(%(message_ids)s::bigint[], %(names)s::text[], %(numbers)s::bigint[])
    AS blank (message_id, name, number)
ON CONFLICT (account_id, message_id, name) DO UPDATE
    SET
        number = messaging_blankname.number + excluded.number,
        last_at = excluded.last_at;
