from django.db import migrations, models


class Migration(migrations.Migration):
    """Files of suppressed addresses and of deactivated numbers are taken like other files."""

    dependencies = [("contacts", "0014_erasure")]

    operations = [
        migrations.AlterField(
            model_name="import",
            name="kind",
            field=models.CharField(choices=[("contacts", "Contacts"), ("orders", "Orders"), ("coupons", "Coupon codes"), ("products", "Products"), ("suppressions", "Suppressed addresses"), ("deactivations", "Deactivated numbers")], max_length=20),
        ),
    ]
