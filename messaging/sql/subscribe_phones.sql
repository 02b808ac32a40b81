-- subscribe_phones: record one consent for many numbers of a phone list.
--
-- Params  phones text[] (E.164), contact_ids bigint[] (same order, null: by number), phone_list_id,
--         state, pending_double_opt_in, pending_age_gate, pending_at, subscribed_at,
--         source, text, at, ip, now
-- Returns one row: how many were added, were there already, had opted out; the added ids
-- Index   messaging_phonesubscription (account_id, phone_list_id, phone_e164), contact_phone_once_per_account
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (pairs.phone_e164)
        pairs.phone_e164,
        coalesce(pairs.contact_id, contact.id) AS contact_id
    FROM unnest(%(phones)s::text[], %(contact_ids)s::bigint[]) AS pairs (phone_e164, contact_id)
    LEFT JOIN contacts_contact AS contact
        ON pairs.contact_id IS NULL
        AND pairs.phone_e164 = contact.phone_e164
        AND contact.phone_e164 <> ''
    ORDER BY pairs.phone_e164
),

standing AS MATERIALIZED (
    SELECT phone_subscription.state
    FROM given
    INNER JOIN messaging_phonesubscription AS phone_subscription
        ON given.phone_e164 = phone_subscription.phone_e164
    WHERE phone_subscription.phone_list_id = %(phone_list_id)s
),

added AS (
    INSERT INTO messaging_phonesubscription (
        phone_list_id, phone_e164, contact_id, state, pending_double_opt_in, pending_age_gate,
        pending_at, subscribed_at, opt_out_reason, consent_source, consent_text, consent_at,
        consent_ip, updated_at
    )
    SELECT
        %(phone_list_id)s,
        given.phone_e164,
        given.contact_id,
        %(state)s,
        %(pending_double_opt_in)s,
        %(pending_age_gate)s,
        %(pending_at)s::timestamptz,
        %(subscribed_at)s::timestamptz,
        '',
        %(source)s,
        %(text)s,
        %(at)s,
        %(ip)s,
        %(now)s
    FROM given
    ON CONFLICT (account_id, phone_list_id, phone_e164) DO NOTHING
    RETURNING id
)

SELECT
    (SELECT count(*) FROM added) AS subscribed,
    count(*) FILTER (WHERE standing.state <> 'Unsubscribed') AS already_subscribed,
    count(*) FILTER (WHERE standing.state = 'Unsubscribed') AS previously_unsubscribed,
    array(SELECT added.id FROM added) AS added_ids
FROM standing;
