from django.db import migrations, models


class Migration(migrations.Migration):
    """A touch of everybody waits for a moment, not for a transaction's number."""

    dependencies = [("contacts", "0010_yearly")]

    operations = [
        migrations.RemoveField(model_name="segmenttouch", name="not_before"),
        migrations.AddField(
            model_name="segmenttouch",
            name="seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
