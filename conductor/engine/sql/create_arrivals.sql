-- create_arrivals: the tick's arrivals, one row for each enrollment and step it comes to.
--
-- A row without an exit stays where it is: waiting when it has a due_at, else held. `wave`
-- counts an enrollment's visits within the tick; in wave 0 stands who leaves, or stays,
-- without the step being run. `is_due` marks the visit that was claimed because its time had
-- come, `is_woken` the one that was claimed because something happened to the contact, `is_told` the one
-- that is left because somebody said so by hand.
-- `place` is where the enrollment's row lies: locked by the claim, it stays there until the flush.
--
-- Params  none
-- Returns nothing
-- Locks   none; the table is the session's own; each tick leaves it empty
CREATE TEMP TABLE IF NOT EXISTS arrivals (
    enrollment_id bigint NOT NULL,
    version_id bigint NOT NULL,
    subscription_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    is_new boolean NOT NULL,
    wave integer NOT NULL,
    step_key text NOT NULL,
    visit_number integer NOT NULL,
    visit_counts jsonb NOT NULL,
    arrived_at timestamptz NOT NULL,
    due_at timestamptz,
    is_due boolean NOT NULL,
    is_woken boolean NOT NULL DEFAULT FALSE,
    is_told boolean NOT NULL DEFAULT FALSE,
    place tid,
    exit text,
    end_reason text,
    held_reason text
) ON COMMIT PRESERVE ROWS;
