-- create_enrolled: the tick's enrollments and how each began, claimed or new.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table is the session's own; each tick leaves it empty
CREATE TEMP TABLE IF NOT EXISTS enrolled (
    id bigint PRIMARY KEY,
    conversation_id bigint NOT NULL,
    version_id bigint NOT NULL,
    list_id bigint NOT NULL,
    subscription_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    entry_number integer NOT NULL,
    entry_kind text NOT NULL,
    entry_external_event_id bigint,
    entry_event_id bigint,
    entry_thread text NOT NULL,
    entry_method text NOT NULL,
    entry_properties jsonb NOT NULL,
    depth smallint NOT NULL,
    entered_at timestamptz NOT NULL,
    is_new boolean NOT NULL
) ON COMMIT PRESERVE ROWS;
