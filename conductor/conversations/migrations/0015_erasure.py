from django.db import migrations, models


class Migration(migrations.Migration):
    """Yearly dates are found by their contact."""

    dependencies = [
        ("conversations", "0014_tally_names"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="alarm",
            index=models.Index(fields=["account", "contact_id"], name="alarm_by_contact"),
        ),
    ]
