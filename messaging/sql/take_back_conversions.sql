-- take_back_conversions: what is written down and wrong goes, with its receipt and its figures.
--
-- Params  conversion_ids bigint[]
-- Returns order_id, delivery_id and recorded_at of each
-- Index   messaging_conversion (primary key), messaging_receipt (primary key)
WITH gone AS (
    DELETE FROM messaging_conversion AS conversion
    WHERE conversion.id = any(%(conversion_ids)s::bigint[])
    RETURNING
        conversion.order_id,
        conversion.delivery_id,
        conversion.recorded_at,
        conversion.receipt_id,
        conversion.conversation_id,
        conversion.step_key,
        conversion.message_id,
        conversion.amount
),

unsaid AS (
    DELETE FROM messaging_receipt AS receipt
    WHERE receipt.id IN (SELECT gone.receipt_id FROM gone)
),

counted AS (
    INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number, amount)
    SELECT
        gone.conversation_id,
        gone.step_key,
        gone.message_id,
        'converted',
        -count(*),
        -sum(gone.amount)
    FROM gone
    GROUP BY gone.conversation_id, gone.step_key, gone.message_id
)

SELECT
    gone.order_id,
    gone.delivery_id,
    gone.recorded_at
FROM gone;
