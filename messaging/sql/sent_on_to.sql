-- sent_on_to: whom emails were sent on to that somebody else had got first.
--
-- Params  delivery_ids bigint[]
-- Returns their addresses, as they are suppressed
-- Index   messaging_delivery (primary key)
SELECT DISTINCT delivery.address
FROM messaging_delivery AS delivery
WHERE
    delivery.id = ANY(%(delivery_ids)s::bigint[])
    AND delivery.channel = 'email'
    AND NOT delivery.is_test
    AND delivery.event_properties -> '>forwarded' IS NOT NULL
    AND delivery.address <> '';
