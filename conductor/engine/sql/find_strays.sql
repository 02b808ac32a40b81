-- find_strays: find the enrollments of wakes whose contact is on the list no more.
--
-- Who was erased has no subscription to be found by; the enrollment knows the contact.
--
-- Params  none
-- Returns nothing
-- Locks   none
-- Index   enrollment_by_contact
UPDATE facts
SET enrollment_id = enrollment.id
FROM conversations_enrollment AS enrollment
WHERE
    facts.kind = 'wake'
    AND facts.enrollment_id IS NULL
    AND facts.subscription_id IS NULL
    AND enrollment.contact_id = facts.contact_id
    AND enrollment.conversation_id = facts.conversation_id
    AND enrollment.ended_at IS NULL;
