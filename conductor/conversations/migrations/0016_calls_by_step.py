from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Calls are found step by step, and those that were over long ago by when."""

    dependencies = [
        ("conversations", "0015_erasure"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=["account", "version_id", "step_key", "next_at"],
                condition=Q(state__in=["queued", "calling"]),
                name="call_by_step",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=["account", "ended_at"],
                condition=Q(ended_at__isnull=False),
                name="call_ended",
            ),
        ),
    ]
