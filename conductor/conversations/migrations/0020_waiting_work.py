from django.db import migrations

from accounts.tenancy.lookups import lookup_function

# From step to step along the index call_by_step, one probe each: however many calls wait
# behind a server that does not answer, the look costs the same. The first of a step's is the
# one that waits longest.
CALLS = """
    WITH RECURSIVE waiting AS (
        (
            SELECT call.account_id, call.version_id, call.step_key, call.next_at
            FROM conversations_call AS call
            WHERE call.state IN ('queued', 'calling')
            ORDER BY call.account_id, call.version_id, call.step_key, call.next_at
            LIMIT 1
        )
        UNION ALL
        SELECT following.*
        FROM waiting
        CROSS JOIN LATERAL (
            SELECT call.account_id, call.version_id, call.step_key, call.next_at
            FROM conversations_call AS call
            WHERE call.state IN ('queued', 'calling')
                AND (call.account_id, call.version_id, call.step_key)
                    > (waiting.account_id, waiting.version_id, waiting.step_key)
            ORDER BY call.account_id, call.version_id, call.step_key, call.next_at
            LIMIT 1
        ) AS following
    ),

    due AS (
        SELECT waiting.account_id, min(waiting.next_at) AS since
        FROM waiting
        JOIN accounts_account AS account
            ON account.id = waiting.account_id AND NOT account.is_benchmark
        JOIN conversations_version AS version
            ON version.account_id = waiting.account_id AND version.id = waiting.version_id
        JOIN conversations_conversation AS conversation
            ON conversation.account_id = version.account_id
            AND conversation.id = version.conversation_id AND conversation.paused_at IS NULL
        WHERE waiting.next_at <= now_at
        GROUP BY waiting.account_id
    )
"""
CALLING = f"""
    {CALLS}

    SELECT due.account_id
    FROM due
    ORDER BY due.since
    LIMIT most
"""
# What waits longest of an account: a due enrollment, a fact in the queue, a yearly date, a
# contact that a segment is to be asked for, a webhook call.
LAGS = f"""
    {CALLS}

    SELECT late.account_id, extract(EPOCH FROM now_at - min(late.since))::double precision
    FROM (
        SELECT conversation.account_id, work.since
        FROM conversations_conversation AS conversation
        JOIN accounts_account AS account
            ON account.id = conversation.account_id AND NOT account.is_benchmark
        CROSS JOIN LATERAL (
            (
                SELECT enrollment.due_at AS since
                FROM conversations_enrollment AS enrollment
                WHERE enrollment.account_id = conversation.account_id
                    AND enrollment.conversation_id = conversation.id
                    AND enrollment.ended_at IS NULL AND enrollment.due_at IS NOT NULL
                ORDER BY enrollment.due_at
                LIMIT 1
            )
            UNION ALL
            (
                SELECT greatest(intake.recorded_at, intake.occurred_at)
                FROM contacts_intake AS intake
                WHERE intake.account_id = conversation.account_id
                    AND intake.conversation_id = conversation.id
                    AND intake.kind <> 'alarm'
                ORDER BY intake.recorded_at, intake.id
                LIMIT 1
            )
            UNION ALL
            (
                SELECT alarm.due_at
                FROM conversations_alarm AS alarm
                WHERE alarm.account_id = conversation.account_id
                    AND alarm.conversation_id = conversation.id
                ORDER BY alarm.due_at
                LIMIT 1
            )
        ) AS work
        WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL
        UNION ALL
        SELECT tracking.account_id, work.since
        FROM (
            SELECT DISTINCT segment.account_id
            FROM contacts_segment AS segment
            WHERE segment.tracked_at IS NOT NULL
        ) AS tracking
        JOIN accounts_account AS account
            ON account.id = tracking.account_id AND NOT account.is_benchmark
        CROSS JOIN LATERAL (
            (
                SELECT touch.recorded_at AS since
                FROM contacts_segmenttouch AS touch
                WHERE touch.account_id = tracking.account_id AND touch.contact_id IS NOT NULL
                ORDER BY touch.recorded_at, touch.id
                LIMIT 1
            )
            UNION ALL
            (
                SELECT member.recheck_at
                FROM contacts_segmentmember AS member
                WHERE member.account_id = tracking.account_id AND member.recheck_at IS NOT NULL
                ORDER BY member.recheck_at
                LIMIT 1
            )
        ) AS work
        UNION ALL
        SELECT due.account_id, due.since FROM due
    ) AS late
    WHERE late.since <= now_at
    GROUP BY late.account_id
    ORDER BY 2 DESC
    LIMIT most
"""


class Migration(migrations.Migration):
    """Webhook calls wait while their conversation is paused; all that waits is lag."""

    dependencies = [
        ("contacts", "0017_jobs"),
        ("conversations", "0019_queues"),
    ]

    operations = [
        *lookup_function(
            "lookup_calling_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=CALLING,
            reads={
                "conversations_call": ["account_id", "state", "next_at", "version_id", "step_key"],
                "conversations_version": ["account_id", "id", "conversation_id"],
            },
        ),
        *lookup_function(
            "lookup_lags(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint, seconds double precision)",
            body=LAGS,
            reads={},
        ),
    ]
