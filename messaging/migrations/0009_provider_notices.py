import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """What providers tell of deliveries, each thing once; receipts of machines and departures."""

    dependencies = [
        ("accounts", "0005_api_calls"),
        ("messaging", "0008_lanes_and_providers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=40)),
                ("event_id", models.CharField(max_length=200)),
                ("kind", models.CharField(max_length=20)),
                ("provider_message_id", models.CharField(blank=True, default="", max_length=200)),
                ("delivery_id", models.BigIntegerField(blank=True, null=True)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("detail", models.JSONField(default=dict)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
        ),
        migrations.AlterField(
            model_name="receipt",
            name="kind",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("read", "Read"),
                    ("clicked", "Clicked"),
                    ("bounced", "Bounced"),
                    ("complained", "Marked as spam"),
                    ("converted", "Converted"),
                    ("replied", "Replied"),
                    ("unsubscribed", "Unsubscribed"),
                    ("rejected", "Rejected by the provider"),
                    ("prefetched", "Loaded by a mail proxy"),
                    ("scanned", "Followed by a scanner"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    models.Q(("provider_message_id", ""), _negated=True),
                    models.Q(("provider", "sandbox"), _negated=True),
                ),
                fields=["account", "provider_message_id"],
                name="delivery_by_provider_message",
            ),
        ),
        migrations.AddIndex(
            model_name="providernotice",
            index=models.Index(fields=["account", "recorded_at"], name="provider_notice_by_age"),
        ),
        migrations.AddIndex(
            model_name="providernotice",
            index=models.Index(
                condition=models.Q(("delivery_id__isnull", True)),
                fields=["account", "recorded_at", "id"],
                name="provider_notice_early",
            ),
        ),
        migrations.AddConstraint(
            model_name="providernotice",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("provider"), models.F("event_id"), name="provider_notice_once"
            ),
        ),
        SecureTable("ProviderNotice"),
        *lookup_function(
            "lookup_early_notices(since timestamptz)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account WHERE EXISTS ("
                "SELECT FROM messaging_providernotice AS notice WHERE notice.account_id = account.id "
                "AND notice.delivery_id IS NULL AND notice.recorded_at >= since)"
            ),
            reads={"messaging_providernotice": ["account_id", "delivery_id", "recorded_at"]},
        ),
        *lookup_function(
            "lookup_old_notices(before timestamptz)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account WHERE EXISTS ("
                "SELECT FROM messaging_providernotice AS notice WHERE notice.account_id = account.id "
                "AND notice.recorded_at < before)"
            ),
            reads={"messaging_providernotice": ["account_id", "delivery_id", "recorded_at"]},
        ),
    ]
