"""Find the few that a fault holds without looking at all who wait."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("conversations", "0016_calls_by_step")]

    operations = [
        migrations.AddIndex(
            "enrollment",
            models.Index(
                fields=["account", "conversation", "arrived_at", "id"],
                condition=Q(ended_at__isnull=True) & ~Q(held_reason=""),
                name="enrollment_held",
            ),
        ),
    ]
