import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Erasures; an order outlives its contact."""

    dependencies = [
        ("contacts", "0013_event_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("requested_at", models.DateTimeField()),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
                ("source", models.CharField(max_length=20)),
                ("contacts", models.IntegerField(default=0)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={"abstract": False},
        ),
        SecureTable("Erasure"),
        migrations.AlterField(
            model_name="order",
            name="contact",
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="orders", to="contacts.contact"),
        ),
    ]
