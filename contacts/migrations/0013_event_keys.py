import accounts.tenancy.account
import django.db.models.deletion
from django.db import migrations, models


from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """The keys under which integrations raised events."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("contacts", "0012_products"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("list_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=255)),
                ("recorded_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=accounts.tenancy.account.current_account_id,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "recorded_at"], name="event_key_by_age")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("list_id"),
                        models.F("key"),
                        name="event_key_once_per_list",
                    )
                ],
            },
        ),
        SecureTable("EventKey"),
    ]
