-- keep_out: have a STOP hold on a phone list that was made after it.
--
-- Whoever wrote STOP to the short code stands on its other lists as opted out by it; a code that
-- had no list then knows it from the texts: the last of STOP and START counts.
--
-- Params  phone_list_id (the new list), short_code_id, now timestamptz
-- Returns the ids of the phone subscriptions that were added, Unsubscribed
-- Index   messaging_phonesubscription (account_id, phone_list_id, phone_e164)
WITH stopped AS (
    SELECT
        phone_subscription.phone_e164,
        phone_subscription.contact_id,
        phone_subscription.unsubscribed_at AS stopped_at
    FROM messaging_phonelist AS phone_list
    INNER JOIN messaging_phonesubscription AS phone_subscription
        ON phone_list.id = phone_subscription.phone_list_id
    WHERE
        phone_list.short_code_id = %(short_code_id)s
        AND phone_subscription.state = 'Unsubscribed'
        AND phone_subscription.opt_out_reason = 'Campaign'
    UNION ALL
    SELECT
        latest.phone_e164,
        latest.contact_id,
        latest.received_at AS stopped_at
    FROM (
        SELECT DISTINCT ON (inbound.phone_e164)
            inbound.phone_e164,
            inbound.contact_id,
            inbound.received_at,
            inbound.meaning
        FROM messaging_inboundtext AS inbound
        WHERE
            inbound.short_code_id = %(short_code_id)s
            AND inbound.meaning IN ('stop', 'start')
        ORDER BY inbound.phone_e164 ASC, inbound.id DESC
    ) AS latest
    WHERE latest.meaning = 'stop'
)

INSERT INTO messaging_phonesubscription (
    phone_list_id, phone_e164, contact_id, state, pending_double_opt_in, pending_age_gate,
    unsubscribed_at, opt_out_reason, consent_source, consent_text, consent_ip, updated_at
)
SELECT DISTINCT ON (stopped.phone_e164)
    %(phone_list_id)s,
    stopped.phone_e164,
    stopped.contact_id,
    'Unsubscribed',
    FALSE,
    FALSE,
    stopped.stopped_at,
    'Campaign',
    '',
    '',
    '',
    %(now)s
FROM stopped
ORDER BY stopped.phone_e164 ASC, stopped.stopped_at DESC, stopped.contact_id ASC
ON CONFLICT (account_id, phone_list_id, phone_e164) DO NOTHING
RETURNING id;
