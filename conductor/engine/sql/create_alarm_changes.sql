-- create_alarm_changes: the yearly dates of this tick that are to be set anew.
--
-- `first_at` and `last_at` are when the first and the last of the facts were recorded;
-- `is_zone_only` says that nothing but the contact's zone may have changed.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table empties itself at the commit
CREATE TEMP TABLE IF NOT EXISTS alarm_changes (
    conversation_id bigint NOT NULL,
    step_key text NOT NULL,
    subscription_id bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    is_zone_only boolean NOT NULL
) ON COMMIT DELETE ROWS;
