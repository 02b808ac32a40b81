-- put_back: put facts back into the queue, as they were.
--
-- Params  fact_ids bigint[]
-- Returns nothing
-- Locks   none; the caller holds the account's intake lock
WITH later AS (
    DELETE FROM facts AS fact
    WHERE fact.id = any(%(fact_ids)s::bigint[])
    RETURNING fact.*
)

INSERT INTO contacts_intake (
    id, conversation_id, kind, external_event_id, segment_id, event_id, contact_id,
    subscription_id, step_key, occurred_at, recorded_at, method, properties, depth
)
SELECT
    later.id,
    later.conversation_id,
    later.kind,
    later.external_event_id,
    later.segment_id,
    later.event_id,
    later.contact_id,
    later.queued_subscription_id,
    later.step_key,
    later.occurred_at,
    later.recorded_at,
    later.method,
    later.properties,
    later.depth
FROM later;
