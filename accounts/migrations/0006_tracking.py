from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether a list records opens and clicks; for how long an order is ascribed to them."""

    dependencies = [("accounts", "0005_api_calls")]

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
        migrations.AddField(
            model_name="list",
            name="track_clicks",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name="list",
            name="track_opens",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
