-- end_by_facts: end the woken whose contact is gone, has another address, or has unsubscribed.
--
-- Params  ending bigint[] (the versions that an unsubscribe ends)
-- Returns nothing
-- Locks   none
UPDATE arrivals
SET
    wave = 0,
    exit = 'end',
    end_reason = ending.reason
FROM (
    SELECT
        woken.enrollment_id,
        CASE
            WHEN bool_or(fact.method = 'deleted') OR bool_and(subscription.id IS NULL)
                THEN 'contact deleted'
            WHEN bool_or(fact.method = 'address_changed') THEN 'address changed'
            WHEN
                bool_or(fact.method IN ('unsubscribed', 'stopped', 'bounced'))
                AND bool_or(woken.version_id = any(%(ending)s::bigint[]))
                THEN 'unsubscribed'
        END AS reason
    FROM arrivals AS woken
    INNER JOIN facts AS fact ON fact.enrollment_id = woken.enrollment_id
    LEFT JOIN contacts_subscription AS subscription ON subscription.id = woken.subscription_id
    WHERE woken.is_woken AND fact.kind = 'wake'
    GROUP BY woken.enrollment_id
) AS ending
WHERE
    arrivals.enrollment_id = ending.enrollment_id
    AND arrivals.is_woken
    AND ending.reason IS NOT NULL;
