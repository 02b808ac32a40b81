-- ask_phones: queue the question of a phone list to numbers whose consent is pending.
--
-- Another list of the code that lately asked a number the same has asked for this one, too.
--
-- Params  ids bigint[] (phone subscriptions), list_id (the email list of the code), message_id,
--         step_key text, is_transactional boolean, asked_since timestamptz, now timestamptz
-- Returns nothing; one delivery is written for each number that is asked
-- Index   messaging_phonesubscription (account_id, phone_list_id, phone_e164)
INSERT INTO messaging_delivery (
    channel, list_id, contact_id, phone_list_id, message_id, address, state, reason, thread,
    step_key, visit_number, event_properties, is_transactional, is_test, resend_unknown,
    waits_for_cap, queued_at, claimed_by, provider, provider_message_id
)
SELECT
    'sms',
    %(list_id)s,
    asked.contact_id,
    asked.phone_list_id,
    %(message_id)s,
    asked.phone_e164,
    'queued',
    '',
    '',
    %(step_key)s,
    1,
    '{}',
    %(is_transactional)s,
    FALSE,
    FALSE,
    TRUE,
    %(now)s,
    '',
    '',
    ''
FROM messaging_phonesubscription AS asked
INNER JOIN messaging_phonelist AS phone_list ON asked.phone_list_id = phone_list.id
WHERE
    asked.id = ANY(%(ids)s::bigint[])
    AND asked.state = 'Pending'
    AND NOT EXISTS (
        SELECT other.id
        FROM messaging_phonelist AS other_list
        INNER JOIN messaging_phonesubscription AS other
            ON
                other_list.id = other.phone_list_id
                AND asked.phone_e164 = other.phone_e164
        WHERE
            other_list.short_code_id = phone_list.short_code_id
            AND other_list.id <> phone_list.id
            AND other.state = 'Pending'
            AND other.pending_at > %(asked_since)s
            AND other.pending_double_opt_in = asked.pending_double_opt_in
            AND (
                asked.pending_double_opt_in
                OR (other.pending_age_gate AND other_list.minimum_age >= phone_list.minimum_age)
            )
    )
ORDER BY asked.id;
