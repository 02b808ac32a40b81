from django.db import migrations, models


class Migration(migrations.Migration):
    """Who got a message of a conversation is read page by page."""

    dependencies = [("messaging", "0020_winners")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    ("conversation_id__isnull", False), ("state__in", ["sent", "unknown"])
                ),
                fields=["account", "message", "id"],
                name="delivery_by_message",
            ),
        ),
    ]
