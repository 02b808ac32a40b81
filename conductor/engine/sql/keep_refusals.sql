-- keep_refusals: write down the facts that entered nobody, each with its reason.
--
-- All are written; once a day the newest 20 of a contact and conversation are kept: see
-- conductor.conversations.actions.refusals.
--
-- Params  now timestamptz
-- Returns nothing
-- Locks   none
INSERT INTO conversations_refusal (conversation_id, contact_id, kind, event_id, reason, refused_at)
SELECT
    fact.conversation_id,
    fact.contact_id,
    fact.kind,
    fact.event_id,
    coalesce(fact.refusal, 'trigger filter'),
    %(now)s
FROM facts AS fact
WHERE fact.kind <> 'wake' AND (fact.refusal IS NOT NULL OR fact.trigger_number IS NULL)
ORDER BY fact.recorded_at, fact.id;
