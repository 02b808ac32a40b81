-- settle_by_notice: what a provider tells of a delivery settles one whose outcome was not known.
--
-- One that is to be sent again because its connection was lost has arrived, too, if it is told
-- before its time has come, or before it is claimed again.
--
-- Params  delivery_ids bigint[], kinds text[], times timestamptz[] (same order), now timestamptz
-- Returns the ids of those that were settled: sent, or failed where the provider refused them
-- Index   messaging_delivery (primary key)
WITH settled AS (
    UPDATE messaging_delivery AS delivery
    SET
        state = told.state,
        reason = CASE WHEN told.state = 'failed' THEN 'provider rejected' ELSE '' END,
        sent_at = CASE WHEN told.state = 'sent' THEN told.occurred_at END
    FROM (
        SELECT
            given.delivery_id,
            -- Whatever else was told as well: what arrived was sent.
            CASE WHEN bool_and(given.kind IN ('rejected', 'failed')) THEN 'failed' ELSE 'sent' END AS state,
            min(least(given.occurred_at, %(now)s)) AS occurred_at
        FROM
            unnest(%(delivery_ids)s::bigint[], %(kinds)s::text[], %(times)s::timestamptz[])
                AS given (delivery_id, kind, occurred_at)
        GROUP BY given.delivery_id
    ) AS told
    WHERE
        delivery.id = told.delivery_id
        AND (
            delivery.state = 'unknown'
            OR (delivery.state = 'deferred' AND delivery.reason = 'connection lost')
            OR (
                told.state = 'sent'
                AND delivery.state = 'queued'
                AND delivery.resend_unknown
                AND delivery.attempts > 0
            )
        )
    RETURNING
        delivery.id,
        delivery.state,
        delivery.is_test,
        delivery.conversation_id,
        delivery.step_key,
        delivery.message_id
),

counted AS (
    INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number)
    SELECT
        settled.conversation_id,
        settled.step_key,
        settled.message_id,
        'sent',
        count(*)
    FROM settled
    WHERE settled.state = 'sent' AND NOT settled.is_test
    GROUP BY settled.conversation_id, settled.step_key, settled.message_id
)

SELECT settled.id
FROM settled;
