-- take_turn: write down when the account was served; the least recently served comes next.
--
-- Params  now timestamptz
-- Returns nothing
INSERT INTO messaging_sendingturn (served_at)
VALUES (%(now)s)
ON CONFLICT (account_id) DO UPDATE SET served_at = excluded.served_at;
