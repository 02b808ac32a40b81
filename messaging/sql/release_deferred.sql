-- release_deferred: put deliveries back into the queue whose time has come; give up the old.
--
-- What the provider has put off for three days has failed; what we held was never attempted.
-- They are counted from the first hold, at which a delivery is queued anew (claim,
-- write_outcomes): how long it waited for a provider that was paused says nothing of it.
--
-- Params  now timestamptz, given_up_before timestamptz (queued before: three days are over)
-- Returns id, state, reason and provider of those that are over: they were given up
-- Index   delivery_deferred (account_id, not_before) WHERE state = 'deferred'
WITH released AS (
    UPDATE messaging_delivery
    SET
        state = CASE
            WHEN queued_at > %(given_up_before)s THEN 'queued'
            WHEN starts_with(reason, 'provider rejected') THEN 'failed'
            ELSE 'skipped'
        END,
        reason = CASE WHEN queued_at <= %(given_up_before)s THEN reason ELSE '' END
    WHERE id IN (
        SELECT delivery.id
        FROM messaging_delivery AS delivery
        WHERE delivery.state = 'deferred' AND delivery.not_before <= %(now)s
        ORDER BY delivery.not_before
        LIMIT 5000
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, state, reason, provider
)

SELECT
    released.id,
    released.state,
    released.reason,
    released.provider
FROM released
WHERE released.state IN ('failed', 'skipped')
ORDER BY released.id;
