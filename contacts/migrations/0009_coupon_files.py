from django.db import migrations, models


class Migration(migrations.Migration):
    """Files of coupon codes are taken like other files."""

    dependencies = [("contacts", "0008_windows")]

    operations = [
        migrations.AlterField(
            model_name="import",
            name="kind",
            field=models.CharField(choices=[("contacts", "Contacts"), ("orders", "Orders"), ("coupons", "Coupon codes")], max_length=20),
        ),
    ]
