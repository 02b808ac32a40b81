-- what_bounced: what a list makes of bounces of its emails.
--
-- Params  delivery_ids bigint[]
-- Returns per delivery: delivery_id, list_id, contact_id, address, handling (of the list), enough
--         (soft bounces in a row that end a subscription; 0: never), soft_count (in a row by now)
-- Index   receipt_by_contact, delivery_by_contact, provider_notice_of_delivery
SELECT
    delivery.id AS delivery_id,
    delivery.list_id,
    delivery.contact_id,
    delivery.address,
    list.bounce_handling AS handling,
    list.bounce_unsubscribe_count AS enough,
    (
        SELECT count(*)
        FROM messaging_receipt AS bounced
        WHERE
            bounced.contact_id = delivery.contact_id
            AND bounced.kind = 'bounced'
            AND bounced.list_id = delivery.list_id
            AND bounced.detail ->> 'bounce' = 'soft'
            -- Whoever has read or got a message since has a mailbox that works.
            AND bounced.occurred_at > coalesce((
                SELECT max(alive.occurred_at)
                FROM messaging_receipt AS alive
                WHERE
                    alive.contact_id = delivery.contact_id
                    AND alive.kind IN ('opened', 'read', 'clicked')
            ), '-infinity')
            AND bounced.occurred_at > coalesce((
                SELECT max(arrived.occurred_at)
                FROM messaging_delivery AS other
                INNER JOIN messaging_providernotice AS arrived ON other.id = arrived.delivery_id
                WHERE
                    other.contact_id = delivery.contact_id
                    AND other.channel = 'email'
                    AND other.address = delivery.address
                    AND arrived.kind = 'delivered'
                    -- A server that took it may have sent it back.
                    AND NOT EXISTS (
                        SELECT returned.id
                        FROM messaging_receipt AS returned
                        WHERE
                            returned.contact_id = delivery.contact_id
                            AND returned.kind = 'bounced'
                            AND returned.delivery_id = other.id
                    )
            ), '-infinity')
    ) AS soft_count
FROM messaging_delivery AS delivery
INNER JOIN accounts_list AS list ON delivery.list_id = list.id
WHERE
    delivery.id = any(%(delivery_ids)s::bigint[])
    AND delivery.channel = 'email'
    AND NOT delivery.is_test
    -- What was sent on bounced at a stranger's.
    AND delivery.event_properties -> '>forwarded' IS NULL
    AND delivery.contact_id IS NOT NULL
ORDER BY delivery.id;
