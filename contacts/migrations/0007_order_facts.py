from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import EachAccount, SecureTable

# What is known of the orders so far: that they have the status that they have.
REMEMBER = """
INSERT INTO contacts_orderfact (order_id, contact_id, order_number, status, recorded_at)
SELECT stored.id, stored.contact_id, stored.order_number, stored.status, stored.recorded_at
FROM contacts_order AS stored
ON CONFLICT DO NOTHING
"""


def remember(_apps: Any, schema_editor: Any) -> None:
    """Write down the statuses that an account's orders have."""
    schema_editor.execute(REMEMBER)


class Migration(migrations.Migration):
    """When an order first had a status; how old a fact may be that is listened to."""

    dependencies = [("contacts", "0006_kept_segments")]

    operations = [
        migrations.AddField(
            model_name="listener",
            name="within",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="OrderFact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contact_id", models.BigIntegerField()),
                ("order_number", models.CharField(max_length=50)),
                ("status", models.CharField(choices=[("NotSet", "Not set"), ("Misc", "Misc"), ("PreOrder", "Pre-order"), ("BackOrder", "Back-order"), ("Pending", "Pending"), ("Hold", "Hold"), ("Processing", "Processing"), ("Shipped", "Shipped"), ("Completed", "Completed"), ("Returned", "Returned"), ("Canceled", "Canceled"), ("Unknown", "Unknown"), ("Closed", "Closed")], max_length=20)),
                ("recorded_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("order", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="facts", to="contacts.order")),
            ],
        ),
        migrations.AddIndex(
            model_name="orderfact",
            index=models.Index(fields=["account", "contact_id", "recorded_at"], name="order_fact_by_contact"),
        ),
        migrations.AddConstraint(
            model_name="orderfact",
            constraint=models.UniqueConstraint(models.F("account"), models.F("order"), models.F("status"), name="order_fact_once"),
        ),
        SecureTable("OrderFact", unindexed=["order"]),
        EachAccount(remember),
    ]
