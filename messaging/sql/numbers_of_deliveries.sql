-- numbers_of_deliveries: whose phones texts went to.
--
-- Params  delivery_ids bigint[], with_tests boolean (those that were tests, too)
-- Returns address (E.164) and short_code_id (null: of no phone list), each pair once
-- Index   messaging_delivery (primary key)
SELECT DISTINCT
    delivery.address,
    phone_list.short_code_id
FROM messaging_delivery AS delivery
LEFT JOIN messaging_phonelist AS phone_list ON delivery.phone_list_id = phone_list.id
WHERE
    delivery.id = ANY(%(delivery_ids)s::bigint[])
    AND delivery.channel = 'sms'
    AND delivery.address <> ''
    AND (%(with_tests)s OR NOT delivery.is_test)
ORDER BY delivery.address, phone_list.short_code_id;
