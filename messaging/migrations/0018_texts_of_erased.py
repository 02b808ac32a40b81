from django.db import migrations, models

ONCE = models.Q(
    ("broadcast_id__isnull", False),
    ("step_key", ">broadcast"),
    models.Q(("address", ""), _negated=True),
)


class Migration(migrations.Migration):
    """Several who are erased had the same text: none of them has a number any more."""

    dependencies = [("messaging", "0017_told_and_broadcast_texts")]

    operations = [
        migrations.RemoveConstraint(model_name="delivery", name="delivery_once_per_number"),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=ONCE,
                fields=("account", "broadcast_id", "address"),
                name="delivery_once_per_number",
            ),
        ),
    ]
