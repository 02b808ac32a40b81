-- take_back_conversions: what is written down and wrong goes, with its receipt and its figures.
--
-- Params  conversion_ids bigint[]
-- Returns nothing
-- Index   messaging_conversion (primary key), messaging_receipt (primary key)
WITH gone AS (
    DELETE FROM messaging_conversion AS conversion
    WHERE conversion.id = any(%(conversion_ids)s::bigint[])
    RETURNING
        conversion.receipt_id,
        conversion.conversation_id,
        conversion.step_key,
        conversion.message_id,
        conversion.amount
),

unsaid AS (
    DELETE FROM messaging_receipt AS receipt
    WHERE receipt.id IN (SELECT gone.receipt_id FROM gone)
)

INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number, amount)
SELECT
    gone.conversation_id,
    gone.step_key,
    gone.message_id,
    'converted',
    -count(*),
    -sum(gone.amount)
FROM gone
GROUP BY gone.conversation_id, gone.step_key, gone.message_id;
