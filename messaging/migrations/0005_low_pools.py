from django.db import migrations

from accounts.tenancy.lookups import lookup_function


class Migration(migrations.Migration):
    """Find the accounts whose coupon pools are watched, for the mail that a pool runs low."""

    dependencies = [("messaging", "0004_coupons_and_receipts")]

    operations = [
        *lookup_function(
            "lookup_pool_accounts()",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT DISTINCT account_id FROM messaging_couponpool "
                "WHERE low_at > 0 AND alerted_at IS NULL AND is_active AND alert_emails <> '[]'::jsonb"
            ),
            reads={
                "messaging_couponpool": [
                    "account_id", "low_at", "alerted_at", "is_active", "alert_emails",
                ],
            },
        ),
    ]
