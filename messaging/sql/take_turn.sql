-- take_turn: write down when the account was served in a lane; who was not comes next.
--
-- Params  now timestamptz, lane text ('urgent' or 'bulk')
-- Returns nothing
INSERT INTO messaging_sendingturn (served_at, urgent_at)
VALUES (
    CASE WHEN %(lane)s = 'bulk' THEN %(now)s::timestamptz END,
    CASE WHEN %(lane)s = 'urgent' THEN %(now)s::timestamptz END
)
ON CONFLICT (account_id) DO UPDATE SET
    served_at = coalesce(excluded.served_at, messaging_sendingturn.served_at),
    urgent_at = coalesce(excluded.urgent_at, messaging_sendingturn.urgent_at);
