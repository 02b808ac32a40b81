from django.db import migrations

from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable

HEARS = """
CREATE FUNCTION webhooks_hears(kinds jsonb, lists jsonb, kind text, list_id bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT kinds ? kind AND (lists = '[]'::jsonb OR lists @> to_jsonb(list_id))
$$
"""

WITH_WORK = """
    SELECT DISTINCT endpoint.account_id
    FROM webhooks_endpoint AS endpoint
    WHERE NOT endpoint.is_paused AND (
        EXISTS (
            SELECT FROM webhooks_call AS call
            WHERE call.account_id = endpoint.account_id AND call.endpoint_id = endpoint.id
                AND call.state IN ('queued', 'calling') AND call.next_at <= now_at
        )
        OR (
            EXISTS (
                SELECT FROM webhooks_pending AS pending
                WHERE pending.account_id = endpoint.account_id
                    AND pending.endpoint_id = endpoint.id
            )
            AND at_once > (
                SELECT count(*) FROM webhooks_call AS call
                WHERE call.account_id = endpoint.account_id AND call.endpoint_id = endpoint.id
                    AND call.state IN ('queued', 'calling')
            )
        )
    )
"""


class Migration(migrations.Migration):
    """Rows of each account apart; who hears of what; who has something to tell is found."""

    dependencies = [
        ("webhooks", "0001_initial"),
        ("accounts", "0009_attribution"),
    ]

    operations = [
        SecureTable("Endpoint"),
        SecureTable("Happening"),
        SecureTable("Pending"),
        SecureTable("Reading"),
        SecureTable("Call", unindexed=["endpoint"]),
        migrations.RunSQL(HEARS, "DROP FUNCTION webhooks_hears(jsonb, jsonb, text, bigint)"),
        *lookup_function(
            "lookup_webhook_accounts(now_at timestamptz, at_once integer)",
            returns="TABLE (account_id bigint)",
            body=WITH_WORK,
            reads={
                "webhooks_endpoint": ["account_id", "id", "is_paused"],
                "webhooks_pending": ["account_id", "endpoint_id"],
                "webhooks_call": ["account_id", "endpoint_id", "state", "next_at"],
            },
        ),
        *lookup_function(
            "lookup_webhook_readers()",
            returns="TABLE (account_id bigint)",
            body="SELECT reading.account_id FROM webhooks_reading AS reading",
            reads={"webhooks_reading": ["account_id"]},
        ),
    ]
