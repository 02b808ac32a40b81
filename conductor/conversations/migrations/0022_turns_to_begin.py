from django.db import migrations

from accounts.tenancy.lookups import lookup_function

# A session that sets app.benchmark finds the accounts that are flagged, and no others.
MARKED = "account.is_benchmark = (coalesce(current_setting('app.benchmark', true), '') = 'on')"
# Who has due work, least recently served first. Each conversation is asked for its first
# entry along an index: an enrollment, a fact in the queue, a yearly date; each account with
# segments that are kept up to date, or set up, for its first contact to look at.
# An account whose turn may not begin yet (its last one failed just now, or five did and it
# pauses) is not among them, so that many such do not stand in the way of the others: the
# same rule as in begin_turn.sql.
DUE_ACCOUNTS = f"""
    SELECT due.account_id
    FROM (
        SELECT conversation.account_id
        FROM conversations_conversation AS conversation
        JOIN accounts_account AS account
            ON account.id = conversation.account_id AND {MARKED}
        WHERE conversation.published_id IS NOT NULL
            AND conversation.paused_at IS NULL
            AND (
                (
                    SELECT enrollment.due_at
                    FROM conversations_enrollment AS enrollment
                    WHERE enrollment.account_id = conversation.account_id
                        AND enrollment.conversation_id = conversation.id
                        AND enrollment.ended_at IS NULL
                        AND enrollment.due_at IS NOT NULL
                    ORDER BY enrollment.due_at
                    LIMIT 1
                ) <= now_at
                OR (
                    SELECT intake.recorded_at
                    FROM contacts_intake AS intake
                    WHERE intake.account_id = conversation.account_id
                        AND intake.conversation_id = conversation.id
                    ORDER BY intake.recorded_at, intake.id
                    LIMIT 1
                ) <= now_at
                OR (
                    SELECT alarm.due_at
                    FROM conversations_alarm AS alarm
                    WHERE alarm.account_id = conversation.account_id
                        AND alarm.conversation_id = conversation.id
                    ORDER BY alarm.due_at
                    LIMIT 1
                ) <= now_at
            )
        UNION
        SELECT tracking.account_id
        FROM (
            SELECT DISTINCT segment.account_id
            FROM contacts_segment AS segment
            WHERE segment.tracked_at IS NOT NULL
            UNION
            SELECT DISTINCT job.account_id
            FROM contacts_segmenttouch AS job
            WHERE job.contact_id IS NULL
        ) AS tracking
        JOIN accounts_account AS account
            ON account.id = tracking.account_id AND {MARKED}
        WHERE (
                SELECT touch.recorded_at
                FROM contacts_segmenttouch AS touch
                WHERE touch.account_id = tracking.account_id
                ORDER BY touch.recorded_at, touch.id
                LIMIT 1
            ) <= now_at
            OR (
                SELECT member.recheck_at
                FROM contacts_segmentmember AS member
                WHERE member.account_id = tracking.account_id
                    AND member.recheck_at IS NOT NULL
                ORDER BY member.recheck_at
                LIMIT 1
            ) <= now_at
    ) AS due
    LEFT JOIN conversations_turn AS turn ON turn.account_id = due.account_id
    WHERE coalesce(turn.attempts, 0) = 0
        OR (turn.attempts < 5 AND turn.served_at <= now_at - interval '1 second')
        OR turn.served_at <= now_at - interval '5 minutes'
    ORDER BY turn.served_at NULLS FIRST
    LIMIT most
"""


class Migration(migrations.Migration):
    """Leave out accounts whose turn may not begin yet, when looking for due ones."""

    dependencies = [
        ("contacts", "0017_jobs"),
        ("conversations", "0021_errands"),
    ]

    operations = [
        *lookup_function(
            "lookup_due_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=DUE_ACCOUNTS,
            reads={"conversations_turn": ["account_id", "served_at", "attempts"]},
        ),
    ]
