import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Traces: where a tick was when its worker died."""

    dependencies = [
        ("conversations", "0008_narrow"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("found", models.JSONField(default=dict)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), name="trace_once_per_account")],
            },
        ),
        SecureTable("Trace"),
    ]
