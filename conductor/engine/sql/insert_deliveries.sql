-- insert_deliveries: write the tick's outbox.
--
-- Ids follow the way that each contact took: what a tick wrote is sent in their order.
--
-- Params  now timestamptz
-- Returns nothing
-- Locks   none; delivery_once_per_visit refuses a second message of one visit
INSERT INTO messaging_delivery (
    channel, list_id, contact_id, subscription_id, phone_list_id, message_id, address, state,
    reason, conversation_id, version_id, enrollment_id, thread, step_key, visit_number,
    event_properties, is_transactional, is_test, resend_unknown, waits_for_cap, skips_quiet,
    queued_at, not_before, claimed_by, provider, provider_message_id
)
SELECT
    outbox.channel,
    enrolled.list_id,
    outbox.contact_id,
    enrolled.subscription_id,
    outbox.phone_list_id,
    outbox.message_id,
    outbox.address,
    CASE
        WHEN outbox.reason IS NOT NULL THEN 'skipped'
        WHEN outbox.held_until IS NOT NULL THEN 'deferred'
        ELSE 'queued'
    END,
    coalesce(outbox.reason, outbox.held_reason, ''),
    enrolled.conversation_id,
    enrolled.version_id,
    outbox.enrollment_id,
    outbox.thread,
    outbox.step_key,
    outbox.visit_number,
    enrolled.entry_properties,
    outbox.is_transactional,
    FALSE,
    outbox.resend_unknown,
    outbox.waits_for_cap,
    outbox.skips_quiet,
    %(now)s,
    CASE WHEN outbox.reason IS NULL THEN outbox.held_until END,
    '',
    '',
    ''
FROM outbox
INNER JOIN enrolled ON enrolled.id = outbox.enrollment_id
ORDER BY outbox.wave;
