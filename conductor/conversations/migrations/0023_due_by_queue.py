from django.db import migrations

from accounts.tenancy.lookups import lookup_function

# A session that sets app.benchmark finds the accounts that are flagged, and no others.
MARKED = "account.is_benchmark = (coalesce(current_setting('app.benchmark', true), '') = 'on')"
# From conversation to conversation along an index, one probe each: of whom nothing is there,
# nothing is asked.
FIRST_OF_EACH = """
    (
        SELECT one.account_id, one.conversation_id, one.{at} AS at
        FROM {table} AS one
        ORDER BY one.account_id, one.conversation_id, one.{order}
        LIMIT 1
    )
    UNION ALL
    SELECT following.account_id, following.conversation_id, following.at
    FROM {name}
    CROSS JOIN LATERAL (
        SELECT one.account_id, one.conversation_id, one.{at} AS at
        FROM {table} AS one
        WHERE (one.account_id, one.conversation_id) > ({name}.account_id, {name}.conversation_id)
        ORDER BY one.account_id, one.conversation_id, one.{order}
        LIMIT 1
    ) AS following
"""
QUEUED = FIRST_OF_EACH.format(
    name="queued", table="contacts_intake", at="recorded_at", order="recorded_at, one.id"
)
RINGING = FIRST_OF_EACH.format(
    name="ringing", table="conversations_alarm", at="due_at", order="due_at"
)
# Who has due work, least recently served first. Each live conversation is asked for its first
# enrollment along an index; of those that have facts in the queue, or yearly dates, the first of
# them is looked at; each account with segments that are kept up to date, or set up, is asked for
# its first contact to look at.
# An account whose turn may not begin yet (its last one failed just now, or five did and it
# pauses) is not among them, so that many such do not stand in the way of the others: the
# same rule as in begin_turn.sql.
DUE_ACCOUNTS = f"""
    WITH RECURSIVE queued AS ({QUEUED}), ringing AS ({RINGING}), live AS (
        SELECT conversation.account_id, conversation.id
        FROM conversations_conversation AS conversation
        JOIN accounts_account AS account
            ON account.id = conversation.account_id AND {MARKED}
        WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL
    )
    SELECT due.account_id
    FROM (
        SELECT live.account_id
        FROM live
        WHERE (
                SELECT enrollment.due_at
                FROM conversations_enrollment AS enrollment
                WHERE enrollment.account_id = live.account_id
                    AND enrollment.conversation_id = live.id
                    AND enrollment.ended_at IS NULL
                    AND enrollment.due_at IS NOT NULL
                ORDER BY enrollment.due_at
                LIMIT 1
            ) <= now_at
        UNION
        SELECT live.account_id
        FROM (TABLE queued UNION ALL TABLE ringing) AS first
        JOIN live ON live.account_id = first.account_id AND live.id = first.conversation_id
        WHERE first.at <= now_at
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
    """Look for queued facts and yearly dates where there are some, not in each conversation."""

    dependencies = [
        ("contacts", "0017_jobs"),
        ("conversations", "0022_turns_to_begin"),
    ]

    operations = [
        *lookup_function(
            "lookup_due_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=DUE_ACCOUNTS,
            reads={},
        ),
    ]
