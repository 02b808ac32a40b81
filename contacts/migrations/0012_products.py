from django.db import migrations, models


class Migration(migrations.Migration):
    """What was not taken of products is shown under Imports."""

    dependencies = [("contacts", "0011_touch_moment")]

    operations = [
        migrations.AlterField(
            model_name="import",
            name="kind",
            field=models.CharField(choices=[("contacts", "Contacts"), ("orders", "Orders"), ("coupons", "Coupon codes"), ("products", "Products")], max_length=20),
        ),
    ]
