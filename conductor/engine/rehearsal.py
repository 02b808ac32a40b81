"""Test runs: the same tick, but waits may be skipped, and nobody else is written to."""

from collections.abc import Iterable
from datetime import datetime

from accounts.tenancy import sql
from conductor.engine.arrivals import StepArrivals
from conductor.engine.program import Program
from conductor.steps import HERE
from messaging.models.broadcast import VALUES

WAITS = {"wait", "wait_for"}
# A conversation that goes round is hurried so often; then it waits like any other.
MOST_HURRIED = 20

HURRY = f"""
    UPDATE arrivals
    SET due_at = %(now)s
    WHERE
        {HERE}
        AND arrivals.exit IS NULL
        AND arrivals.due_at > %(now)s
        AND arrivals.visit_number <= %(most)s
"""
KEEP_APART = """
    UPDATE messaging_delivery AS delivery
    SET
        is_test = TRUE,
        provider = CASE
            WHEN delivery.channel = 'email' AND delivery.address = ANY(%(own)s::text[]) THEN ''
            ELSE 'sandbox'
        END,
        -- The message shows what the run has set: values that come with it stand in for the profile's.
        event_properties = delivery.event_properties || jsonb_strip_nulls(jsonb_build_object(
            %(values)s::text, (
                SELECT jsonb_object_agg(own.key, coalesce(nullif(own.value, 'null'), '""'))
                FROM jsonb_each(run.rehearsal #> state.profile) AS own
            )
        ))
    FROM outbox
    INNER JOIN conversations_conversation AS run ON run.id = %(run_id)s
    CROSS JOIN LATERAL (
        SELECT ARRAY['state', outbox.contact_id::text, 'profile'] AS profile
    ) AS state
    WHERE
        outbox.version_id = %(version_id)s
        AND delivery.enrollment_id = outbox.enrollment_id
        AND delivery.queued_at = %(now)s
"""


def hurry(arrivals: StepArrivals) -> None:
    """Let those who begin to wait here go on with the next tick."""
    if arrivals.program.steps[arrivals.step_key]["kind"] in WAITS:
        arrivals.run(HURRY, most=MOST_HURRIED)


def keep_apart(programs: Iterable[Program], *, now: datetime) -> None:
    """Mark the messages of test runs: for the sandbox, or the account's own people."""
    for program in programs:
        if program.rehearsal:
            sql.execute(
                KEEP_APART,
                version_id=program.version_id,
                run_id=program.conversation_id,
                values=VALUES,
                own=program.rehearsal.get("own", []),
                now=now,
            )
