"""
What conversations know of people who are forgotten, and their tick, which is waited for.

Enrollments and visits stay as figures: they name the contact by an id that nobody has any
more. What is under way ends where it stands, `contact deleted`, with the tick that next comes
upon it, whatever brought it there: a timer, a marketer's hand, the erasure itself. Who was
ended by hand before is over, `by hand`.
"""

from accounts.tenancy import sql
from conductor.conversations.actions.by_hand import END
from contacts.actions.erasure import Erasing

# What `Enrollment.told` says of them.
GONE = "!gone"
# While this is held no tick of the account begins; one under way is waited for.
HOLD = "SELECT turn.id FROM conversations_turn AS turn FOR UPDATE"
INSIDE = """
    SELECT enrollment.id
    FROM conversations_enrollment AS enrollment
    WHERE enrollment.contact_id = ANY(%(ids)s::bigint[])
"""
FORGET = (
    f"""
    UPDATE conversations_enrollment AS enrollment
    SET
        entry_properties = '{{}}',
        told = CASE
            WHEN enrollment.ended_at IS NULL AND enrollment.told <> '{END}' THEN '{GONE}'
            ELSE enrollment.told
        END
    WHERE
        enrollment.contact_id = ANY(%(ids)s::bigint[])
        AND (enrollment.ended_at IS NULL OR enrollment.entry_properties <> '{{}}')
    """,
    # A call under way is nobody's: its answer is not written down.
    f"""
    UPDATE conversations_call AS call
    SET
        state = CASE WHEN call.ended_at IS NULL THEN 'failed' ELSE call.state END,
        ended_at = coalesce(call.ended_at, %(now)s),
        outcome = call.outcome - 'values' - 'error' - 'held'
    WHERE call.enrollment_id = ANY(ARRAY({INSIDE}))
    """,
    # A code that was given out stays given out.
    f"""
    UPDATE messaging_couponcode AS code
    SET contact_id = NULL
    WHERE code.enrollment_id = ANY(ARRAY({INSIDE}))
    """,
    "DELETE FROM conversations_alarm AS alarm WHERE alarm.contact_id = ANY(%(ids)s::bigint[])",
    """
    DELETE FROM conversations_refusal AS refusal
    USING conversations_conversation AS conversation
    WHERE refusal.conversation_id = conversation.id AND refusal.contact_id = ANY(%(ids)s::bigint[])
    """,
    # Whom a test run was started for, and what it set for them.
    """
    UPDATE conversations_conversation AS run
    SET rehearsal = jsonb_set(
        run.rehearsal || jsonb_build_object(
            'state', coalesce(run.rehearsal -> 'state', '{}') - %(ids)s::bigint[]::text[]
        ),
        '{emails}',
        (
            SELECT coalesce(jsonb_agg(named.email), '[]')
            FROM jsonb_array_elements_text(run.rehearsal -> 'emails') AS named (email)
            WHERE NOT lower(named.email) = ANY(%(emails)s::text[])
        )
    )
    WHERE run.rehearsal_of_id IS NOT NULL AND run.rehearsal -> 'emails' IS NOT NULL
    """,
)


def hold() -> None:
    """Keep ticks of the account out until the transaction ends."""
    sql.execute(HOLD)


def forget(erasing: Erasing) -> None:
    """Clear what conversations know of the contacts."""
    for statement in FORGET:
        sql.execute(statement, ids=erasing.contact_ids, emails=erasing.emails, now=erasing.now)
