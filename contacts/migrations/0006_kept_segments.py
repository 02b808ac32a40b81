import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.models


class Migration(migrations.Migration):
    """What a segment's rule resolves to, how many it was counted, and a touch of everybody."""

    dependencies = [("contacts", "0005_segments")]

    operations = [
        migrations.AddField(
            model_name="segment",
            name="resolved",
            field=models.JSONField(null=True, blank=True),
        ),
        migrations.AddField(
            model_name="segment",
            name="member_count",
            field=models.BigIntegerField(null=True, blank=True),
        ),
        migrations.AddField(
            model_name="segment",
            name="counted_at",
            field=models.DateTimeField(null=True, blank=True),
        ),
        migrations.AlterField(
            model_name="segmenttouch",
            name="contact",
            field=accounts.tenancy.models.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="contacts.contact",
            ),
        ),
        migrations.AddField(
            model_name="segmenttouch",
            name="not_before",
            field=models.BigIntegerField(null=True, blank=True),
        ),
    ]
