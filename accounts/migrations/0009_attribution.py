from django.db import migrations, models


class Migration(migrations.Migration):
    """For how long after a click or an open an order is ascribed to the message."""

    dependencies = [("accounts", "0008_ip_pools")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="click_days",
            field=models.PositiveSmallIntegerField(db_default=5, default=5),
        ),
        migrations.AddField(
            model_name="account",
            name="open_days",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
    ]
