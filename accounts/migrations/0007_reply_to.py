from django.db import migrations, models


class Migration(migrations.Migration):
    """Where answers to a list's emails go; nothing is ascribed to messages by days yet."""

    dependencies = [("accounts", "0006_tracking")]

    operations = [
        migrations.AddField(model_name="list", name="reply_to", field=models.EmailField(blank=True, db_default="", default="", max_length=254)),
        migrations.RemoveField(model_name="account", name="click_days"),
        migrations.RemoveField(model_name="account", name="open_days"),
    ]
