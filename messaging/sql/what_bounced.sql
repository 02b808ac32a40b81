-- what_bounced: what a list makes of bounces of its emails.
--
-- Params  delivery_ids bigint[]
-- Returns per delivery: delivery_id, list_id, contact_id, address, handling (of the list), enough
--         (soft bounces in a row that end a subscription; 0: never), soft_count (in a row by now)
-- Index   receipt_by_contact
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
            -- Whoever has read a message since has a mailbox that works.
            AND bounced.occurred_at > coalesce((
                SELECT max(alive.occurred_at)
                FROM messaging_receipt AS alive
                WHERE
                    alive.contact_id = delivery.contact_id
                    AND alive.kind IN ('opened', 'read', 'clicked')
            ), '-infinity')
    ) AS soft_count
FROM messaging_delivery AS delivery
INNER JOIN accounts_list AS list ON delivery.list_id = list.id
WHERE
    delivery.id = any(%(delivery_ids)s::bigint[])
    AND delivery.channel = 'email'
    AND NOT delivery.is_test
    AND delivery.contact_id IS NOT NULL
ORDER BY delivery.id;
