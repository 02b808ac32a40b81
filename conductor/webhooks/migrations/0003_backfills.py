from django.db import migrations

from accounts.tenancy.lookups import lookup_function


class Migration(migrations.Migration):
    """Who has subscribers left to tell Segment of."""

    dependencies = [
        ("webhooks", "0002_noting"),
    ]

    operations = [
        *lookup_function(
            "lookup_backfill_accounts()",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT DISTINCT endpoint.account_id FROM webhooks_endpoint AS endpoint "
                "WHERE endpoint.is_source AND NOT endpoint.is_paused "
                "AND endpoint.options ? 'backfill' "
                "AND NOT endpoint.options -> 'backfill' ? 'ended_at'"
            ),
            reads={"webhooks_endpoint": ["account_id", "id", "is_paused", "is_source", "options"]},
        ),
    ]
