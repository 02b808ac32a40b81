from django.db import migrations, models


class Migration(migrations.Migration):
    """Who got a broadcast is read page by page."""

    dependencies = [("messaging", "0015_blank_names")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("broadcast_id__isnull", False)), fields=["account", "broadcast_id", "id"], name="delivery_by_broadcast"),
        ),
    ]
