import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Addresses that are not written to."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("messaging", "0006_narrow"),
    ]

    operations = [
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(choices=[("email", "Email"), ("sms", "SMS")], max_length=10)),
                ("address", models.CharField(max_length=254)),
                ("reason", models.CharField(choices=[("hard bounce", "Hard bounce"), ("soft bounces", "Soft bounces"), ("complaint", "Complaint"), ("manual", "By hand"), ("import", "Import"), ("deactivated", "Deactivated"), ("erased", "Erased")], max_length=20)),
                ("source", models.CharField(blank=True, default="", max_length=255)),
                ("created_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("list", accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="suppressions", to="accounts.list")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("reason", "erased")), fields=["account", "channel"], name="suppression_of_the_erased")],
                "constraints": [models.UniqueConstraint(fields=("account", "channel", "address", "list"), name="suppression_once", nulls_distinct=False), models.CheckConstraint(condition=models.Q(("reason__in", ["hard bounce", "soft bounces", "complaint", "manual", "import", "deactivated", "erased"])), name="suppression_reason_is_known")],
            },
        ),
        SecureTable("Suppression"),
    ]
