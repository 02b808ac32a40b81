-- match_early_notices: find now what was told before its sender had written down who it was.
--
-- Params  since timestamptz (older ones are nobody's: of another installation, or forged)
-- Returns id, delivery_id, kind, occurred_at and detail of those that were found
-- Index   provider_notice_early, delivery_by_provider_message
UPDATE messaging_providernotice AS notice
SET delivery_id = found.delivery_id
FROM (
    SELECT
        early.id,
        max(delivery.id) AS delivery_id
    FROM messaging_providernotice AS early
    INNER JOIN messaging_delivery AS delivery
        ON
            early.provider_message_id = delivery.provider_message_id
            AND early.provider = delivery.provider
    WHERE
        early.delivery_id IS NULL
        AND early.recorded_at >= %(since)s
        AND delivery.provider_message_id <> ''
        AND delivery.provider <> 'sandbox'
    GROUP BY early.id
) AS found
WHERE notice.id = found.id
RETURNING notice.id, notice.delivery_id, notice.kind, notice.occurred_at, notice.detail;
