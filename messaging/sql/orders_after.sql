-- orders_after: the orders that clicks and opens may have led to, told of after they were.
--
-- Params  receipt_ids bigint[]
-- Returns ids of orders, which are held until the end of the transaction
-- Locks   those orders, in the order of their ids
-- Index   messaging_receipt (primary key), order_by_contact_and_date
SELECT purchase.id
FROM contacts_order AS purchase
WHERE
    purchase.id IN (
        SELECT ordered.id
        FROM messaging_receipt AS receipt
        CROSS JOIN accounts_account AS account
        INNER JOIN contacts_order AS ordered
            ON
                receipt.contact_id = ordered.contact_id
                AND receipt.occurred_at <= ordered.ordered_at
                AND ordered.ordered_at < receipt.occurred_at + make_interval(
                    days => CASE receipt.kind WHEN 'clicked' THEN account.click_days ELSE account.open_days END::int
                )
        WHERE receipt.id = any(%(receipt_ids)s::bigint[])
    )
ORDER BY purchase.id
FOR NO KEY UPDATE;
