import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import EachAccount, SecureTable

COUNT = """
INSERT INTO conversations_flow (conversation_id, version_id, step_key, exit, visits)
SELECT visit.conversation_id, visit.version_id, visit.step_key, visit.exit, count(*)
FROM conversations_visit AS visit
INNER JOIN conversations_conversation AS conversation ON conversation.id = visit.conversation_id
GROUP BY visit.conversation_id, visit.version_id, visit.step_key, visit.exit
"""
# What waits longest of an account: a due enrollment, or a fact in the queue.
LAGS = """
    SELECT late.account_id, extract(EPOCH FROM now_at - min(late.since))::double precision
    FROM (
        SELECT conversation.account_id, work.since
        FROM conversations_conversation AS conversation
        JOIN accounts_account AS account
            ON account.id = conversation.account_id AND NOT account.is_benchmark
        CROSS JOIN LATERAL (
            (
                SELECT enrollment.due_at AS since
                FROM conversations_enrollment AS enrollment
                WHERE enrollment.account_id = conversation.account_id
                    AND enrollment.conversation_id = conversation.id
                    AND enrollment.ended_at IS NULL AND enrollment.due_at IS NOT NULL
                ORDER BY enrollment.due_at
                LIMIT 1
            )
            UNION ALL
            (
                SELECT greatest(intake.recorded_at, intake.occurred_at)
                FROM contacts_intake AS intake
                WHERE intake.account_id = conversation.account_id
                    AND intake.conversation_id = conversation.id
                    AND intake.kind <> 'alarm'
                ORDER BY intake.recorded_at, intake.id
                LIMIT 1
            )
        ) AS work
        WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL
    ) AS late
    WHERE late.since <= now_at
    GROUP BY late.account_id
    ORDER BY 2 DESC
    LIMIT most
"""


def count_visits(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(COUNT)


class Migration(migrations.Migration):
    """Count visits as they end, and ticks; look for who waits longest."""

    dependencies = [
        ("contacts", "0007_order_facts"),
        ("conversations", "0009_trace"),
        ("messaging", "0006_narrow"),
    ]

    operations = [
        migrations.CreateModel(
            name="Flow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version_id", models.BigIntegerField()),
                ("step_key", models.CharField(max_length=63)),
                ("exit", models.CharField(max_length=120)),
                ("visits", models.BigIntegerField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("conversation", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.conversation")),
            ],
        ),
        migrations.AddIndex(
            model_name="flow",
            index=models.Index(fields=["account", "conversation"], name="flow_by_conversation"),
        ),
        SecureTable("Flow", unindexed=["conversation"]),
        migrations.AddField(
            model_name="turn",
            name="ticks",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="turn",
            name="steps",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        EachAccount(count_visits),
        *lookup_function(
            "lookup_lags(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint, seconds double precision)",
            body=LAGS,
            reads={
                "contacts_intake": ["account_id", "conversation_id", "recorded_at", "id", "occurred_at", "kind"],
            },
        ),
        *lookup_function(
            "lookup_oldest_entry()",
            returns="timestamptz",
            body=(
                "SELECT min(enrollment.entered_at) FROM conversations_enrollment AS enrollment "
                "WHERE enrollment.ended_at IS NULL"
            ),
            reads={"conversations_enrollment": ["account_id", "entered_at", "ended_at"]},
        ),
        *lookup_function(
            "lookup_work_done()",
            returns="TABLE (accounts bigint, ticks numeric, steps numeric)",
            body=(
                "SELECT count(*), coalesce(sum(turn.ticks), 0), coalesce(sum(turn.steps), 0) "
                "FROM conversations_turn AS turn"
            ),
            reads={"conversations_turn": ["account_id", "served_at", "ticks", "steps"]},
        ),
        *lookup_function(
            "lookup_queues()",
            returns="TABLE (queue text, waiting bigint)",
            body=(
                "SELECT 'facts', count(*) FROM contacts_intake AS intake "
                "UNION ALL SELECT 'messages', count(*) FROM messaging_delivery AS delivery "
                "WHERE delivery.state IN ('queued', 'sending') "
                "UNION ALL SELECT 'calls', count(*) FROM conversations_call AS call "
                "WHERE call.state IN ('queued', 'calling')"
            ),
            reads={},
        ),
        *lookup_function(
            "lookup_delivery_states()",
            returns="TABLE (state text, deliveries bigint)",
            body=(
                "SELECT delivery.state, count(*) FROM messaging_delivery AS delivery "
                "GROUP BY delivery.state"
            ),
            reads={},
        ),
    ]
