-- create_outbox: the tick's deliveries, until the flush writes them all at once.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table is the session's own; each tick leaves it empty
CREATE TEMP TABLE IF NOT EXISTS outbox (
    enrollment_id bigint NOT NULL,
    version_id bigint NOT NULL,
    contact_id bigint,
    channel text NOT NULL,
    phone_list_id bigint,
    message_id bigint NOT NULL,
    address text NOT NULL,
    reason text,
    held_reason text,
    held_until timestamptz,
    thread text NOT NULL,
    step_key text NOT NULL,
    visit_number integer NOT NULL,
    wave integer NOT NULL,
    is_transactional boolean NOT NULL,
    resend_unknown boolean NOT NULL,
    waits_for_cap boolean NOT NULL DEFAULT FALSE,
    skips_quiet boolean NOT NULL DEFAULT FALSE
) ON COMMIT PRESERVE ROWS;
