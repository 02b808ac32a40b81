-- later_facts: the facts that come after the one which entered their contact.
--
-- At most one entry of a contact and conversation in a tick: the rest stay queued, and those
-- that ask people inside again find who has entered.
--
-- Params  none
-- Returns the ids of the facts
-- Locks   none
SELECT fact.id
FROM facts AS fact
INNER JOIN enrolled
    ON
        enrolled.conversation_id = fact.conversation_id
        AND enrolled.contact_id = fact.contact_id
        AND enrolled.is_new
INNER JOIN (
    SELECT DISTINCT ON (first.conversation_id, first.contact_id)
        first.conversation_id,
        first.contact_id,
        first.recorded_at,
        first.id
    FROM facts AS first
    WHERE first.trigger_number IS NOT NULL AND first.refusal IS NULL
    ORDER BY first.conversation_id, first.contact_id, first.recorded_at, first.id
) AS entering
    ON
        entering.conversation_id = fact.conversation_id
        AND entering.contact_id = fact.contact_id
        AND (fact.recorded_at, fact.id) > (entering.recorded_at, entering.id);
