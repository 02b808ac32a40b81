from django.db import migrations, models


class Migration(migrations.Migration):
    """What recipients read as a list's name, which is the house's own otherwise."""

    dependencies = [("accounts", "0009_attribution")]

    operations = [
        migrations.AddField(
            model_name="list",
            name="public_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
    ]
