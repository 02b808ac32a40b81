from django.db import migrations

from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Tenancy of messages, phone lists and deliveries."""

    dependencies = [("messaging", "0001_initial")]

    operations = [
        SecureTable("SavedMessage"),
        SecureTable("CommittedMessage"),
        SecureTable("ShortCode"),
        SecureTable("PhoneList"),
        SecureTable("PhoneSubscription"),
        SecureTable("SmsMessage"),
        SecureTable("Provider"),
        SecureTable("Delivery", unindexed=["list", "contact", "phone_list", "message"]),
        SecureTable("SandboxMessage"),
        *lookup_function(
            "lookup_sending_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account "
                "WHERE NOT account.is_benchmark AND (EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'queued') OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'deferred' AND delivery.not_before <= now_at) OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'sending' AND delivery.claimed_at <= now_at - interval '60 seconds')) "
                "LIMIT most"
            ),
            reads={
                "messaging_delivery": [
                    "account_id",
                    "state",
                    "not_before",
                    "claimed_at",
                    "queued_at",
                    "id",
                ]
            },
        ),
    ]
