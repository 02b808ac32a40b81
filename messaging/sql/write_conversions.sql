-- write_conversions: ascribe orders to messages: a conversion, its receipt and its figures.
--
-- Params  order_ids bigint[], delivery_ids bigint[], rules text[], times timestamptz[] (of the
--         click or open), recorded_ats timestamptz[] (when it was first known; all in the same
--         order)
-- Returns receipt_id, order_id and delivery_id of each
-- Index   contacts_order (primary key), messaging_delivery (primary key)
WITH chosen AS MATERIALIZED (
    SELECT
        nextval(pg_get_serial_sequence('messaging_receipt', 'id')) AS receipt_id,
        purchase.id AS order_id,
        purchase.order_number,
        purchase.ordered_at,
        purchase.total,
        purchase.contact_id,
        delivery.id AS delivery_id,
        delivery.list_id,
        delivery.channel,
        delivery.conversation_id,
        delivery.step_key,
        delivery.message_id,
        given.rule,
        given.touched_at,
        given.recorded_at
    FROM
        unnest(
            %(order_ids)s::bigint[],
            %(delivery_ids)s::bigint[],
            %(rules)s::text[],
            %(times)s::timestamptz[],
            %(recorded_ats)s::timestamptz[]
        ) AS given (order_id, delivery_id, rule, touched_at, recorded_at)
    INNER JOIN contacts_order AS purchase ON given.order_id = purchase.id
    INNER JOIN messaging_delivery AS delivery ON given.delivery_id = delivery.id
),

noted AS (
    INSERT INTO messaging_receipt (
        id, delivery_id, list_id, contact_id, channel, kind, occurred_at, recorded_at, detail
    )
    SELECT
        chosen.receipt_id,
        chosen.delivery_id,
        chosen.list_id,
        chosen.contact_id,
        chosen.channel,
        'converted',
        -- A shop's clock may be ahead of ours.
        least(chosen.ordered_at, chosen.recorded_at),
        chosen.recorded_at,
        jsonb_build_object('order_number', chosen.order_number, 'total', chosen.total)
    FROM chosen
),

ascribed AS (
    INSERT INTO messaging_conversion (
        order_id, delivery_id, receipt_id, list_id, contact_id, channel, conversation_id, step_key,
        message_id, rule, amount, touched_at, ordered_at, recorded_at
    )
    SELECT
        chosen.order_id,
        chosen.delivery_id,
        chosen.receipt_id,
        chosen.list_id,
        chosen.contact_id,
        chosen.channel,
        chosen.conversation_id,
        chosen.step_key,
        chosen.message_id,
        chosen.rule,
        chosen.total,
        chosen.touched_at,
        chosen.ordered_at,
        chosen.recorded_at
    FROM chosen
),

counted AS (
    INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number, amount)
    SELECT
        chosen.conversation_id,
        chosen.step_key,
        chosen.message_id,
        'converted',
        count(*),
        sum(chosen.total)
    FROM chosen
    GROUP BY chosen.conversation_id, chosen.step_key, chosen.message_id
)

SELECT
    chosen.receipt_id,
    chosen.order_id,
    chosen.delivery_id
FROM chosen
ORDER BY chosen.receipt_id;
