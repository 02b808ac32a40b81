import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.models
from accounts.tenancy.operations import SecureReference


class Migration(migrations.Migration):
    """Which group of a split test did best, and since when that is decided."""

    dependencies = [("messaging", "0019_further_words")]

    operations = [
        migrations.RemoveField(model_name="splittest", name="criteria"),
        migrations.AddField(model_name="splittest", name="decided_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            model_name="splittest",
            name="winner",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="messaging.broadcast"
            ),
        ),
        SecureReference("SplitTest", "winner", indexed=False),
    ]
