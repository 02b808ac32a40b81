from django.db import migrations

from accounts.tenancy.lookups import lookup_function


class Migration(migrations.Migration):
    """
    Look for due work along the indexes, whatever the statistics say.

    Asked whether there is a due enrollment, the planner may scan the table for the first
    one, and finds none among a million that wait. Asked for the earliest it takes the
    first entry of the index.
    """

    dependencies = [("conversations", "0003_revisions")]

    operations = [
        *lookup_function(
            "lookup_due_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT due.account_id FROM ("
                "SELECT DISTINCT conversation.account_id "
                "FROM conversations_conversation AS conversation "
                "JOIN accounts_account AS account "
                "ON account.id = conversation.account_id AND NOT account.is_benchmark "
                "WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL "
                "AND ((SELECT enrollment.due_at FROM conversations_enrollment AS enrollment "
                "WHERE enrollment.account_id = conversation.account_id "
                "AND enrollment.conversation_id = conversation.id "
                "AND enrollment.ended_at IS NULL AND enrollment.due_at IS NOT NULL "
                "ORDER BY enrollment.due_at LIMIT 1) <= now_at "
                "OR (SELECT intake.recorded_at FROM contacts_intake AS intake "
                "WHERE intake.account_id = conversation.account_id "
                "AND intake.conversation_id = conversation.id "
                "ORDER BY intake.recorded_at, intake.id LIMIT 1) <= now_at)) AS due "
                "LEFT JOIN conversations_turn AS turn ON turn.account_id = due.account_id "
                "ORDER BY turn.served_at NULLS FIRST LIMIT most"
            ),
            reads={
                "conversations_conversation": ["account_id", "id", "published_id", "paused_at"],
                "conversations_enrollment": [
                    "account_id", "conversation_id", "due_at", "ended_at"
                ],
                "contacts_intake": ["account_id", "conversation_id", "recorded_at", "id"],
                "conversations_turn": ["account_id", "served_at"],
            },
        ),
    ]
