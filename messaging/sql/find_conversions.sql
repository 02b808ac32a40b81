-- find_conversions: which message each order is ascribed to, where that is not written down so.
--
-- The contact's last click within the account's `click_days` before the order, else the last
-- open within its `open_days`; of people, and not of tests. A canceled or returned order is
-- ascribed to nothing.
--
-- Params  order_ids bigint[]
-- Returns order_id, conversion_id (what is written down and wrong; null = nothing),
--         delivery_id, rule, touched_at (what is right; null = nothing)
-- Index   contacts_order (primary key), receipt_by_contact, conversion_once_per_order
SELECT
    purchase.id AS order_id,
    kept.id AS conversion_id,
    touch.delivery_id,
    touch.rule,
    touch.occurred_at AS touched_at
FROM contacts_order AS purchase
CROSS JOIN accounts_account AS account
LEFT JOIN messaging_conversion AS kept ON purchase.id = kept.order_id
LEFT JOIN LATERAL (
    SELECT
        found.delivery_id,
        found.rule,
        found.occurred_at
    FROM (
        (
            SELECT
                receipt.delivery_id,
                'click' AS rule,
                receipt.occurred_at
            FROM messaging_receipt AS receipt
            INNER JOIN messaging_delivery AS delivery ON receipt.delivery_id = delivery.id
            WHERE
                receipt.contact_id = purchase.contact_id
                AND receipt.kind = 'clicked'
                AND receipt.occurred_at <= purchase.ordered_at
                AND receipt.occurred_at > purchase.ordered_at - make_interval(days => account.click_days::int)
                AND NOT delivery.is_test
            ORDER BY receipt.occurred_at DESC, receipt.id DESC
            LIMIT 1
        )
        UNION ALL
        (
            SELECT
                receipt.delivery_id,
                'open' AS rule,
                receipt.occurred_at
            FROM messaging_receipt AS receipt
            INNER JOIN messaging_delivery AS delivery ON receipt.delivery_id = delivery.id
            WHERE
                receipt.contact_id = purchase.contact_id
                AND receipt.kind = 'opened'
                AND receipt.occurred_at <= purchase.ordered_at
                AND receipt.occurred_at > purchase.ordered_at - make_interval(days => account.open_days::int)
                AND NOT delivery.is_test
            ORDER BY receipt.occurred_at DESC, receipt.id DESC
            LIMIT 1
        )
    ) AS found
    ORDER BY found.rule
    LIMIT 1
) AS touch ON purchase.status NOT IN ('Canceled', 'Returned')
WHERE
    purchase.id = any(%(order_ids)s::bigint[])
    AND (
        kept.delivery_id,
        kept.rule,
        kept.touched_at,
        kept.contact_id,
        kept.ordered_at,
        kept.amount
    ) IS DISTINCT FROM (
        touch.delivery_id,
        touch.rule,
        touch.occurred_at,
        CASE WHEN touch.delivery_id IS NOT NULL THEN purchase.contact_id END,
        CASE WHEN touch.delivery_id IS NOT NULL THEN purchase.ordered_at END,
        CASE WHEN touch.delivery_id IS NOT NULL THEN purchase.total END
    )
ORDER BY purchase.id;
