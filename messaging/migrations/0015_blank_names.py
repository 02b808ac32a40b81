import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """What was left empty in messages because nobody knew it."""

    dependencies = [
        ("messaging", "0014_windows"),
    ]

    operations = [
        migrations.CreateModel(
            name="BlankName",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("number", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("message", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="blanks", to="messaging.committedmessage")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), models.F("message"), models.F("name"), name="blank_name_once")],
            },
        ),
        SecureTable("BlankName"),
    ]
