import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Keep the drafts that edits replaced, so that they can be undone."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("conversations", "0002_tenancy"),
    ]

    operations = [
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("draft", models.JSONField()),
                ("commits", models.JSONField(default=dict)),
                ("replaced_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("conversation", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="conversations.conversation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "conversation", "number"), name="revision_number_once")],
            },
        ),
        SecureTable("Revision", unindexed=["conversation"]),
    ]
