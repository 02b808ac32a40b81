-- settle_abandoned: decide what becomes of batches whose sender has died.
--
-- What its provider has told of meanwhile is not sent again: it is unknown here, and settled by
-- that (settle_by_notice).
--
-- Params  dead_before timestamptz (claimed and last beaten before: 60 s ago),
--         idempotent text[] (kinds of providers), most int (attempts)
-- Returns id and state of those that have failed, or of which nobody knows
-- Locks   only the rows taken; rows locked elsewhere are skipped
-- Index   delivery_in_flight (account_id, claimed_at) WHERE state = 'sending',
--         provider_notice_of_delivery
WITH settled AS (
    UPDATE messaging_delivery AS delivery
    SET
        state = CASE
            WHEN delivery.resend_unknown AND EXISTS (
                SELECT notice.id
                FROM messaging_providernotice AS notice
                WHERE notice.delivery_id = delivery.id
            ) THEN 'unknown'
            WHEN delivery.attempts >= %(most)s AND delivery.provider = ANY(%(idempotent)s) THEN 'failed'
            WHEN delivery.provider = ANY(%(idempotent)s) THEN 'queued'
            WHEN delivery.resend_unknown AND delivery.attempts < %(most)s THEN 'queued'
            ELSE 'unknown'
        END,
        reason = CASE
            WHEN delivery.resend_unknown AND EXISTS (
                SELECT notice.id
                FROM messaging_providernotice AS notice
                WHERE notice.delivery_id = delivery.id
            ) THEN 'sender died'
            WHEN delivery.attempts >= %(most)s AND delivery.provider = ANY(%(idempotent)s) THEN 'sender died'
            WHEN delivery.provider = ANY(%(idempotent)s) THEN ''
            WHEN delivery.resend_unknown AND delivery.attempts < %(most)s THEN ''
            ELSE 'sender died'
        END,
        claimed_by = '',
        claimed_at = NULL
    WHERE delivery.id IN (
        SELECT abandoned.id
        FROM messaging_delivery AS abandoned
        WHERE
            abandoned.state = 'sending'
            AND abandoned.claimed_at <= %(dead_before)s
            AND NOT EXISTS (
                SELECT heartbeat.id
                FROM accounts_heartbeat AS heartbeat
                WHERE heartbeat.part = abandoned.claimed_by AND heartbeat.beat_at > %(dead_before)s
            )
        FOR UPDATE SKIP LOCKED
    )
    RETURNING delivery.id, delivery.state
)

SELECT
    settled.id,
    settled.state
FROM settled
WHERE settled.state IN ('failed', 'unknown')
ORDER BY settled.id;
