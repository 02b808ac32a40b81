from django.db import migrations, models


class Migration(migrations.Migration):
    """Reviews come in batches, too; a profile field is cleared by an import of its own."""

    dependencies = [("contacts", "0018_reviews")]

    operations = [
        migrations.AlterField(
            model_name="import",
            name="kind",
            field=models.CharField(choices=[("contacts", "Contacts"), ("orders", "Orders"), ("coupons", "Coupon codes"), ("products", "Products"), ("suppressions", "Suppressed addresses"), ("deactivations", "Deactivated numbers"), ("reviews", "Reviews"), ("clearings", "Cleared profile field")], max_length=20),
        ),
    ]
