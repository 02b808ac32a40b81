import accounts.tenancy.account
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models


from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """How often integrations call, and what a call with an Idempotency-Key was answered."""

    dependencies = [
        ("accounts", "0004_secret"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("calls", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        default=accounts.tenancy.account.current_account_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "client",
                    accounts.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="uses",
                        to="accounts.apiclient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("client"),
                        models.F("day"),
                        name="api_use_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("status", models.SmallIntegerField(default=0)),
                ("body", models.TextField(default="")),
                ("kept_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        default=accounts.tenancy.account.current_account_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "client",
                    accounts.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.apiclient",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["account", "kept_at"], name="answer_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"), models.F("client"), models.F("key"), name="answer_once"
                    )
                ],
            },
        ),
        SecureTable("ApiUse", unindexed=["client"]),
        SecureTable("KeptAnswer", unindexed=["client"]),
    ]
