from django.db import migrations, models


class Migration(migrations.Migration):
    """A contact's deliveries are found by state and time: caps read a window, not a life."""

    dependencies = [
        ("messaging", "0013_conversions"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="delivery", name="delivery_by_contact"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["account", "contact", "state", "sent_at"], name="delivery_by_contact"),
        ),
    ]
