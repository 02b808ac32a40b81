import django.contrib.postgres.fields
from django.db import migrations, models


def words() -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=20), blank=True, default=list, size=None
    )


class Migration(migrations.Migration):
    """A short code may have further words for START and HELP, as it has for STOP."""

    dependencies = [("messaging", "0018_texts_of_erased")]

    operations = [
        migrations.AddField(model_name="shortcode", name="start_words", field=words()),
        migrations.AddField(model_name="shortcode", name="help_words", field=words()),
    ]
