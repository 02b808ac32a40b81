from django.db import migrations

from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureReference, SecureTable


class Migration(migrations.Migration):
    """Tenancy of conversations and of the contacts inside them."""

    dependencies = [
        ("conversations", "0001_initial"),
        ("contacts", "0002_tenancy"),
        ("messaging", "0002_tenancy"),
    ]

    operations = [
        SecureTable("Conversation", later=["published"]),
        SecureTable("Version"),
        SecureReference("Conversation", "published", indexed=False),
        SecureTable("Enrollment", unindexed=["conversation", "version"]),
        SecureTable("Visit", append_only=True),
        SecureTable("Refusal", unindexed=["conversation"]),
        SecureTable("Turn"),
        # Two index probes a live conversation: there is no hint to lose.
        *lookup_function(
            "lookup_due_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT due.account_id FROM ("
                "SELECT DISTINCT conversation.account_id "
                "FROM conversations_conversation AS conversation "
                "JOIN accounts_account AS account "
                "ON account.id = conversation.account_id AND NOT account.is_benchmark "
                "WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL AND (EXISTS ("
                "SELECT FROM conversations_enrollment AS enrollment "
                "WHERE enrollment.account_id = conversation.account_id "
                "AND enrollment.conversation_id = conversation.id "
                "AND enrollment.ended_at IS NULL AND enrollment.due_at <= now_at) OR EXISTS ("
                "SELECT FROM contacts_intake AS intake "
                "WHERE intake.account_id = conversation.account_id "
                "AND intake.conversation_id = conversation.id))) AS due "
                "LEFT JOIN conversations_turn AS turn ON turn.account_id = due.account_id "
                "ORDER BY turn.served_at NULLS FIRST LIMIT most"
            ),
            reads={
                "conversations_conversation": ["account_id", "id", "published_id", "paused_at"],
                "conversations_enrollment": [
                    "account_id", "conversation_id", "due_at", "ended_at"
                ],
                "contacts_intake": ["account_id", "conversation_id"],
                "conversations_turn": ["account_id", "served_at"],
            },
        ),
    ]
