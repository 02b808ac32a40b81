from django.db import migrations

from accounts.tenancy.lookups import lookup_function

# All of them along an index, less the tests, which have one of their own.
STATES = """
    SELECT every.state, every.deliveries - coalesce(tests.deliveries, 0)
    FROM (
        SELECT delivery.state, count(*) AS deliveries
        FROM messaging_delivery AS delivery
        GROUP BY delivery.state
    ) AS every
    LEFT JOIN (
        SELECT delivery.state, count(*) AS deliveries
        FROM messaging_delivery AS delivery
        WHERE delivery.is_test
        GROUP BY delivery.state
    ) AS tests ON tests.state = every.state
"""


class Migration(migrations.Migration):
    """Tests are in no statistics: the deliveries that /metrics counts are the others."""

    dependencies = [
        ("conversations", "0025_early_vacuums"),
        ("messaging", "0022_tests"),
    ]

    operations = [
        *lookup_function(
            "lookup_delivery_states()",
            returns="TABLE (state text, deliveries bigint)",
            body=STATES,
            reads={},
        ),
        migrations.RunSQL(
            "GRANT SELECT (is_test) ON messaging_delivery TO conductor_lookup",
            migrations.RunSQL.noop,
        ),
    ]
