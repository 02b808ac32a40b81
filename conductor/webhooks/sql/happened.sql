-- happened: what happened, with what its telling names.
--
-- Params  ids bigint[]
-- Returns one row each, in order; what is gone meanwhile is null
-- Index   webhooks_happening (account_id, id), primary keys
SELECT
    happening.id,
    happening.kind,
    happening.occurred_at,
    happening.detail,
    happening.list_id,
    list.name AS list_name,
    happening.contact_id,
    coalesce(nullif(contact.email, ''), contact.email_norm, '') AS email,
    coalesce(contact.phone_e164, '') AS phone,
    coalesce(consent.phone_e164, '') AS phone_number,
    coalesce(subscription.external_contact_id, '') AS external_contact_id,
    coalesce(subscription.profile, '{}'::jsonb) AS profile,
    happening.detail ->> 'phone_list_id' AS phone_list_id,
    coalesce(phone_list.name, '') AS phone_list_name,
    coalesce(short_code.code, '') AS short_code,
    happening.delivery_id,
    delivery.channel,
    delivery.message_id,
    coalesce(delivery.step_key, '') AS step_key,
    delivery.broadcast_id,
    coalesce(message.name, '') AS message_name,
    coalesce(message.content ->> 'subject', '') AS subject,
    happening.enrollment_id,
    conversation.id AS conversation_id,
    conversation.name AS conversation_name,
    coalesce(nullif(version.document ->> 'campaign', ''), campaign.name, conversation.name, '') AS campaign
FROM webhooks_happening AS happening
LEFT JOIN accounts_list AS list ON happening.list_id = list.id
LEFT JOIN contacts_contact AS contact ON happening.contact_id = contact.id
LEFT JOIN contacts_subscription AS subscription
    ON happening.contact_id = subscription.contact_id AND happening.list_id = subscription.list_id
LEFT JOIN messaging_phonesubscription AS consent
    ON consent.id = (happening.detail ->> 'phone_id')::bigint
LEFT JOIN messaging_phonelist AS phone_list
    ON phone_list.id = (happening.detail ->> 'phone_list_id')::bigint
LEFT JOIN messaging_shortcode AS short_code ON phone_list.short_code_id = short_code.id
LEFT JOIN messaging_delivery AS delivery ON happening.delivery_id = delivery.id
LEFT JOIN messaging_committedmessage AS message ON delivery.message_id = message.id
LEFT JOIN messaging_broadcast AS broadcast ON delivery.broadcast_id = broadcast.id
LEFT JOIN messaging_campaign AS campaign ON broadcast.campaign_id = campaign.id
LEFT JOIN conversations_enrollment AS enrollment ON happening.enrollment_id = enrollment.id
LEFT JOIN conversations_conversation AS conversation
    ON conversation.id = coalesce(delivery.conversation_id, enrollment.conversation_id)
LEFT JOIN conversations_version AS version
    ON version.id = coalesce(delivery.version_id, enrollment.version_id)
WHERE
    happening.id = any(%(ids)s::bigint[])
    -- Of a number that is forgotten, and was no contact's, nothing is left to tell.
    AND (happening.contact_id IS NOT NULL OR consent.id IS NOT NULL)
ORDER BY happening.id;
