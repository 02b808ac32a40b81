-- later_facts: the triggers' facts that come after the one which entered their contact.
--
-- At most one entry of a contact and conversation in a tick: the rest stay queued.
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
INNER JOIN facts AS entering
    ON
        entering.conversation_id = fact.conversation_id
        AND entering.contact_id = fact.contact_id
        AND entering.trigger_number IS NOT NULL
        AND entering.refusal IS NULL
        AND (fact.recorded_at, fact.id) > (entering.recorded_at, entering.id)
WHERE fact.kind <> 'wake'
GROUP BY fact.id;
