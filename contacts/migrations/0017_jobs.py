from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """What concerns everybody on a list is done batch by batch."""

    dependencies = [
        ("contacts", "0016_event_groups"),
    ]

    operations = [
        migrations.AddField(
            model_name="segmenttouch",
            name="job",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="segmenttouch",
            index=models.Index(
                fields=["account", "id"],
                condition=Q(contact__isnull=True),
                name="segment_touch_of_everybody",
            ),
        ),
    ]
