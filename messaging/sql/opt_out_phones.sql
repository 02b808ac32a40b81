-- opt_out_phones: end the consents of many numbers, to one phone list, to those of one short code
-- or to all.
--
-- Params  phones text[] (E.164), phone_list_id bigint and short_code_id bigint (null: any), reason
--         text, now timestamptz
-- Returns the ids of the consents that ended; who had opted out before stays as it was
-- Locks   the consents that end
-- Index   messaging_phonesubscription (account_id, phone_list_id, phone_e164)
UPDATE messaging_phonesubscription AS phone_subscription
SET
    state = 'Unsubscribed',
    pending_double_opt_in = FALSE,
    pending_age_gate = FALSE,
    pending_at = NULL,
    unsubscribed_at = %(now)s,
    opt_out_reason = %(reason)s,
    updated_at = %(now)s
FROM messaging_phonelist AS phone_list
WHERE
    phone_subscription.phone_list_id = phone_list.id
    AND (%(phone_list_id)s::bigint IS NULL OR phone_list.id = %(phone_list_id)s::bigint)
    AND (
        %(short_code_id)s::bigint IS NULL
        OR phone_list.short_code_id = %(short_code_id)s::bigint
    )
    AND phone_subscription.phone_e164 = ANY(%(phones)s::text[])
    AND phone_subscription.state <> 'Unsubscribed'
RETURNING phone_subscription.id;
