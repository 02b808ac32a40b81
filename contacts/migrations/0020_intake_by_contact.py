from django.db import migrations, models


class Migration(migrations.Migration):
    """What is queued about a contact is found without reading the queue."""

    dependencies = [("contacts", "0019_kinds")]

    operations = [
        migrations.AddIndex(
            model_name="intake",
            index=models.Index(fields=["account", "contact_id"], name="intake_by_contact"),
        ),
    ]
