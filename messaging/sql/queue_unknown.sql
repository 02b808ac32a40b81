-- queue_unknown: queue deliveries anew of which nobody knows whether they arrived.
--
-- They begin anew: what they cost so far counts no more.
--
-- Params  list_id bigint, delivery_ids bigint[], now timestamptz
-- Returns the ids of those that were unknown
-- Index   messaging_delivery (primary key)
UPDATE messaging_delivery
SET
    state = 'queued',
    reason = '',
    attempts = 0,
    queued_at = %(now)s,
    not_before = NULL,
    provider_message_id = ''
WHERE
    id = any(%(delivery_ids)s::bigint[])
    AND list_id = %(list_id)s
    AND state = 'unknown'
RETURNING id;
