-- name_numbers: whose numbers they are, where a consent names nobody: a reply is then that contact's.
--
-- Params  ids bigint[] (of texts that are on their way)
-- Returns nothing
-- Locks   the consents that are changed
-- Index   messaging_delivery (primary key), phone_subscription_once
UPDATE messaging_phonesubscription AS consent
SET contact_id = delivery.contact_id
FROM messaging_delivery AS delivery
WHERE
    delivery.id = ANY(%(ids)s::bigint[])
    AND consent.phone_list_id = delivery.phone_list_id
    AND consent.phone_e164 = delivery.address
    AND consent.contact_id IS NULL
    AND delivery.contact_id IS NOT NULL
    AND NOT delivery.is_test;
