from datetime import date

from django.db import migrations, models
from django.db.models import Case, F, Q, Value, When


class Migration(migrations.Migration):
    """Free coupon codes are found by when they expire: those that have are not looked at."""

    dependencies = [
        ("messaging", "0010_rules_and_replies"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="couponcode", name="coupon_code_free"),
        migrations.AddIndex(
            model_name="couponcode",
            index=models.Index(
                "account",
                "pool",
                Case(When(expires_on=None, then=Value(date(9999, 12, 31))), default=F("expires_on")),
                "id",
                condition=Q(handed_at__isnull=True),
                name="coupon_code_to_give",
            ),
        ),
    ]
