from django.db import migrations, models


class Migration(migrations.Migration):
    """The day on which an alarm rang last."""

    dependencies = [("conversations", "0010_flow")]

    operations = [
        migrations.AddField(
            model_name="alarm",
            name="rung_on",
            field=models.DateField(blank=True, null=True),
        ),
    ]
