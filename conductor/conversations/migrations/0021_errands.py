import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import EachAccount, SecureTable

ONE_WORD = """
UPDATE conversations_enrollment SET end_reason = 'by hand' WHERE end_reason = 'ended by hand'
"""


def one_word(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(ONE_WORD)


class Migration(migrations.Migration):
    """What is done by hand to many is done in batches, and its visits say so."""

    dependencies = [
        ("accounts", "0009_attribution"),
        ("conversations", "0020_waiting_work"),
    ]

    operations = [
        migrations.AddField(
            model_name="visit",
            name="reason",
            field=models.CharField(blank=True, max_length=20, null=True),
        ),
        migrations.CreateModel(
            name="Errand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked", models.JSONField()),
                ("after", models.JSONField()),
                ("done", models.BigIntegerField(default=0)),
                ("asked_at", models.DateTimeField()),
                ("by_user_id", models.BigIntegerField(blank=True, null=True)),
                ("by_client_id", models.BigIntegerField(blank=True, null=True)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("conversation", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.conversation")),
            ],
        ),
        SecureTable("Errand", unindexed=["conversation"]),
        *lookup_function(
            "lookup_errand_accounts()",
            returns="TABLE (account_id bigint)",
            body="SELECT DISTINCT errand.account_id FROM conversations_errand AS errand",
            reads={"conversations_errand": ["account_id", "id"]},
        ),
        EachAccount(one_word),
    ]
