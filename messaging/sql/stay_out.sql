-- stay_out: keep numbers off the lists of a short code that they are not on, too.
--
-- Whoever writes STOP ends all of its lists: no later file brings the number to one of them.
--
-- Params  phones text[] (E.164), short_code_id bigint, now timestamptz
-- Returns the ids of the new rows
-- Locks   none; phone_subscription_once refuses what is there
INSERT INTO messaging_phonesubscription (
    phone_list_id, phone_e164, contact_id, state, pending_double_opt_in, pending_age_gate,
    unsubscribed_at, opt_out_reason, consent_source, consent_text, consent_ip, updated_at
)
SELECT
    phone_list.id,
    stopped.phone,
    NULL,
    'Unsubscribed',
    FALSE,
    FALSE,
    %(now)s AS unsubscribed_at,
    'Campaign',
    '',
    '',
    '',
    %(now)s AS updated_at
FROM messaging_phonelist AS phone_list
CROSS JOIN unnest(%(phones)s::text[]) AS stopped (phone)
WHERE phone_list.short_code_id = %(short_code_id)s
ORDER BY phone_list.id, stopped.phone
ON CONFLICT (account_id, phone_list_id, phone_e164) DO NOTHING
RETURNING id;
