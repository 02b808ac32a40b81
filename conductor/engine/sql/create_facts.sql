-- create_facts: the facts that a tick has taken from the queue, and what becomes of each.
--
-- `refusal` is why a fact enters nobody; `trigger_number` is the first trigger, in file
-- order, that it matches; `entry_number` is the one that an entry would have.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table is the session's own and empties itself at every commit
CREATE TEMP TABLE IF NOT EXISTS facts (
    id bigint PRIMARY KEY,
    conversation_id bigint NOT NULL,
    kind text NOT NULL,
    external_event_id bigint,
    event_id bigint,
    contact_id bigint NOT NULL,
    queued_subscription_id bigint,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    method text NOT NULL,
    properties jsonb NOT NULL,
    depth smallint NOT NULL,
    subscription_id bigint,
    entry_number integer,
    refusal text,
    trigger_number integer
) ON COMMIT DELETE ROWS;
