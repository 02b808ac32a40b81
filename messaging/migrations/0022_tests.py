from django.db import migrations, models


class Migration(migrations.Migration):
    """Deliveries that are tests are few, and counted apart."""

    dependencies = [("messaging", "0021_by_message")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("is_test", True)),
                fields=["account", "state"],
                name="delivery_test",
            ),
        ),
    ]
