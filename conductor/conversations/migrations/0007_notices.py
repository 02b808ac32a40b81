import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Notices: mails about how a step's messages fare."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("conversations", "0006_moving"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step_key", models.CharField(max_length=63)),
                ("emails", models.JSONField(default=list)),
                ("daily_at", models.DateTimeField(blank=True, null=True)),
                ("told_failed", models.IntegerField(blank=True, null=True)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("conversation", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.conversation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "conversation", "step_key"), name="notice_once_per_step")],
            },
        ),
        SecureTable("Notice", unindexed=["conversation"]),
        *lookup_function(
            "lookup_notice_accounts()",
            returns="TABLE (account_id bigint)",
            body="SELECT DISTINCT account_id FROM conversations_notice",
            reads={"conversations_notice": ["account_id", "id"]},
        ),
    ]
