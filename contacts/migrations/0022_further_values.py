from django.db import migrations, models


class Migration(migrations.Migration):
    """What is said of a person beyond the columns, and values of lists that the person is not on."""

    dependencies = [("contacts", "0021_segment_mappings")]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="extra",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="contact",
            name="profile",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
