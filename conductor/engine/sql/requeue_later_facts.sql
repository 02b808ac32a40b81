-- requeue_later_facts: put back the facts that come after the one which entered their contact.
--
-- At most one entry of a contact and conversation in a tick: the rest stay queued, as they were.
--
-- Params  none
-- Returns nothing
-- Locks   none; the caller holds the account's intake lock
WITH later AS (
    DELETE FROM facts AS fact
    USING enrolled, facts AS entering
    WHERE
        enrolled.is_new
        AND enrolled.conversation_id = fact.conversation_id
        AND enrolled.contact_id = fact.contact_id
        AND entering.conversation_id = fact.conversation_id
        AND entering.contact_id = fact.contact_id
        AND entering.trigger_number IS NOT NULL
        AND entering.refusal IS NULL
        AND (fact.recorded_at, fact.id) > (entering.recorded_at, entering.id)
    RETURNING fact.*
)

INSERT INTO contacts_intake (
    id, conversation_id, kind, external_event_id, event_id, contact_id, subscription_id,
    occurred_at, recorded_at, method, properties, depth
)
SELECT
    later.id,
    later.conversation_id,
    later.kind,
    later.external_event_id,
    later.event_id,
    later.contact_id,
    later.queued_subscription_id,
    later.occurred_at,
    later.recorded_at,
    later.method,
    later.properties,
    later.depth
FROM later;
