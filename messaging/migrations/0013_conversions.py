from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import EachAccount, SecureTable

# What was sent and came back so far.
SENT = """
INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number, is_folded)
SELECT delivery.conversation_id, delivery.step_key, delivery.message_id, 'sent', count(*), TRUE
FROM messaging_delivery AS delivery
WHERE delivery.state = 'sent' AND NOT delivery.is_test
GROUP BY delivery.conversation_id, delivery.step_key, delivery.message_id
"""
CAME_BACK = """
INSERT INTO messaging_figure (conversation_id, step_key, message_id, kind, number, is_folded)
SELECT
    delivery.conversation_id, delivery.step_key, delivery.message_id, receipt.kind,
    count(DISTINCT receipt.delivery_id), TRUE
FROM messaging_receipt AS receipt
INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id
WHERE NOT delivery.is_test
GROUP BY delivery.conversation_id, delivery.step_key, delivery.message_id, receipt.kind
"""


def count(_apps: Any, schema_editor: Any) -> None:
    """Count what an account has sent, and what came of it."""
    schema_editor.execute(SENT)
    schema_editor.execute(CAME_BACK)


class Migration(migrations.Migration):
    """Orders ascribed to messages; what came of messages, added up."""

    dependencies = [
        ("accounts", "0009_attribution"),
        ("contacts", "0017_jobs"),
        ("messaging", "0012_broadcasts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Conversion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("receipt_id", models.BigIntegerField()),
                ("list_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(blank=True, null=True)),
                ("channel", models.CharField(max_length=10)),
                ("conversation_id", models.BigIntegerField(blank=True, null=True)),
                ("step_key", models.CharField(blank=True, default="", max_length=63)),
                ("message_id", models.BigIntegerField(blank=True, null=True)),
                ("rule", models.CharField(choices=[("click", "Clicked before the order"), ("open", "Opened before the order")], max_length=10)),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14)),
                ("touched_at", models.DateTimeField()),
                ("ordered_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("delivery", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="conversions", to="messaging.delivery")),
                ("order", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.order")),
            ],
        ),
        migrations.CreateModel(
            name="Figure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("conversation_id", models.BigIntegerField(blank=True, null=True)),
                ("step_key", models.CharField(blank=True, default="", max_length=63)),
                ("message_id", models.BigIntegerField(blank=True, null=True)),
                ("kind", models.CharField(max_length=20)),
                ("number", models.IntegerField()),
                ("amount", models.DecimalField(db_default=0, decimal_places=2, default=0, max_digits=16)),
                ("is_folded", models.BooleanField(db_default=False, default=False)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
        ),
        migrations.AddIndex(
            model_name="conversion",
            index=models.Index(fields=["account", "contact_id"], name="conversion_by_contact"),
        ),
        migrations.AddIndex(
            model_name="conversion",
            index=models.Index(fields=["account", "conversation_id", "ordered_at"], name="conversion_by_conversation"),
        ),
        migrations.AddConstraint(
            model_name="conversion",
            constraint=models.UniqueConstraint(models.F("account"), models.F("order"), name="conversion_once_per_order"),
        ),
        migrations.AddIndex(
            model_name="figure",
            index=models.Index(fields=["account", "conversation_id", "step_key"], name="figure_by_step"),
        ),
        migrations.AddIndex(
            model_name="figure",
            index=models.Index(fields=["account", "message_id"], name="figure_by_message"),
        ),
        migrations.AddIndex(
            model_name="figure",
            index=models.Index(condition=models.Q(("is_folded", False)), fields=["account", "id"], name="figure_loose"),
        ),
        migrations.AddConstraint(
            model_name="figure",
            constraint=models.UniqueConstraint(condition=models.Q(("is_folded", True)), fields=("account", "conversation_id", "step_key", "message_id", "kind"), name="figure_folded_once", nulls_distinct=False),
        ),
        SecureTable("Conversion", unindexed=["order"]),
        SecureTable("Figure"),
        EachAccount(count),
        *lookup_function(
            "lookup_loose_figures(least_many integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account WHERE EXISTS ("
                "SELECT FROM messaging_figure AS figure WHERE figure.account_id = account.id "
                "AND NOT figure.is_folded ORDER BY figure.id OFFSET least_many LIMIT 1)"
            ),
            reads={"messaging_figure": ["account_id", "id", "is_folded"]},
        ),
    ]
