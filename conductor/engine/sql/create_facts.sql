-- create_facts: the facts that a tick has taken from the queue, and what becomes of each.
--
-- `refusal` is why a fact enters nobody; `trigger_number` is the first trigger, in file
-- order, that it matches, `asked_numbers` those that have a filter to be asked of it yet;
-- `entry_number` is the one that an entry would have; `enrollment_id` is the active
-- enrollment that the tick found, of which a wake asks and which a restart replaces.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table is the session's own; each tick leaves it empty
CREATE TEMP TABLE IF NOT EXISTS facts (
    id bigint PRIMARY KEY,
    conversation_id bigint NOT NULL,
    kind text NOT NULL,
    external_event_id bigint,
    segment_id bigint,
    event_id bigint,
    contact_id bigint NOT NULL,
    queued_subscription_id bigint,
    step_key text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    method text NOT NULL,
    properties jsonb NOT NULL,
    depth smallint NOT NULL,
    subscription_id bigint,
    enrollment_id bigint,
    entry_number integer,
    refusal text,
    trigger_number integer,
    asked_numbers integer[]
) ON COMMIT PRESERVE ROWS;
