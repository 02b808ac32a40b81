from django.db import migrations

from accounts.tenancy.lookups import lookup_function

# From account to account along the index call_to_make, one probe each: however many calls
# wait behind a server that does not answer, the look costs the same.
CALLING = """
    WITH RECURSIVE calling AS (
        (
            SELECT call.account_id, call.next_at
            FROM conversations_call AS call
            WHERE call.state IN ('queued', 'calling')
            ORDER BY call.account_id, call.next_at
            LIMIT 1
        )
        UNION ALL
        SELECT following.account_id, following.next_at
        FROM calling
        CROSS JOIN LATERAL (
            SELECT call.account_id, call.next_at
            FROM conversations_call AS call
            WHERE call.state IN ('queued', 'calling') AND call.account_id > calling.account_id
            ORDER BY call.account_id, call.next_at
            LIMIT 1
        ) AS following
    )

    SELECT calling.account_id
    FROM calling
    JOIN accounts_account AS account
        ON account.id = calling.account_id AND NOT account.is_benchmark
    WHERE calling.next_at <= now_at
    ORDER BY calling.next_at
    LIMIT most
"""


class Migration(migrations.Migration):
    """Find who has webhook calls to make without reading all that wait."""

    dependencies = [("conversations", "0012_benchmarks")]

    operations = [
        *lookup_function(
            "lookup_calling_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=CALLING,
            reads={},
        ),
    ]
