import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Secrets that webhook steps use."""

    dependencies = [
        ("accounts", "0003_ratecount"),
    ]

    operations = [
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("sealed", models.TextField()),
                ("hint", models.CharField(blank=True, default="", max_length=8)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), models.F("name"), name="secret_name_once")],
            },
        ),
        SecureTable("Secret"),
    ]
