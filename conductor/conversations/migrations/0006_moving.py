import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureReference, SecureTable


class Migration(migrations.Migration):
    """Alarms, tallies, webhook calls, test runs, and what is decided by hand."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("contacts", "0005_segments"),
        ("conversations", "0005_storage"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step_key", models.CharField(max_length=63)),
                ("subscription_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField()),
                ("local_date", models.DateField()),
                ("due_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("enrollment_id", models.BigIntegerField()),
                ("conversation_id", models.BigIntegerField()),
                ("version_id", models.BigIntegerField()),
                ("step_key", models.CharField(max_length=63)),
                ("visit_number", models.IntegerField()),
                ("state", models.CharField(choices=[("queued", "Queued"), ("calling", "Calling"), ("done", "Done"), ("failed", "Failed")], default="queued", max_length=10)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step_key", models.CharField(blank=True, default="", max_length=63)),
                ("name", models.CharField(max_length=40)),
                ("total", models.BigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="conversation",
            name="conversation_name_once_per_list",
        ),
        migrations.AddField(
            model_name="conversation",
            name="rehearsal",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="conversation",
            name="rehearsal_of",
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="rehearsals", to="conversations.conversation"),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="told",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(condition=models.Q(("rehearsal_of__isnull", True)), fields=("account", "list", "name"), name="conversation_name_once_per_list"),
        ),
        migrations.AddField(
            model_name="alarm",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="alarm",
            name="conversation",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.conversation"),
        ),
        migrations.AddField(
            model_name="call",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="tally",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="tally",
            name="conversation",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="conversations.conversation"),
        ),
        migrations.AddIndex(
            model_name="alarm",
            index=models.Index(fields=["account", "conversation", "due_at"], name="alarm_due"),
        ),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.UniqueConstraint(fields=("account", "conversation", "step_key", "subscription_id"), name="alarm_once"),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(condition=models.Q(("state__in", ["queued", "calling"])), fields=["account", "next_at"], name="call_to_make"),
        ),
        migrations.AddConstraint(
            model_name="call",
            constraint=models.UniqueConstraint(fields=("account", "enrollment_id", "step_key", "visit_number"), name="call_once_per_visit"),
        ),
        migrations.AddConstraint(
            model_name="tally",
            constraint=models.UniqueConstraint(fields=("account", "conversation", "step_key", "name"), name="tally_once"),
        ),
        SecureReference("Conversation", "rehearsal_of"),
        SecureTable("Alarm", unindexed=["conversation"]),
        SecureTable("Tally", unindexed=["conversation"]),
        SecureTable("Call"),
        # Each is asked for its first entry along an index: see 0004.
        *lookup_function(
            "lookup_due_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT due.account_id FROM ("
                "SELECT conversation.account_id "
                "FROM conversations_conversation AS conversation "
                "JOIN accounts_account AS account "
                "ON account.id = conversation.account_id AND NOT account.is_benchmark "
                "WHERE conversation.published_id IS NOT NULL AND conversation.paused_at IS NULL "
                "AND ((SELECT enrollment.due_at FROM conversations_enrollment AS enrollment "
                "WHERE enrollment.account_id = conversation.account_id "
                "AND enrollment.conversation_id = conversation.id "
                "AND enrollment.ended_at IS NULL AND enrollment.due_at IS NOT NULL "
                "ORDER BY enrollment.due_at LIMIT 1) <= now_at "
                "OR (SELECT intake.recorded_at FROM contacts_intake AS intake "
                "WHERE intake.account_id = conversation.account_id "
                "AND intake.conversation_id = conversation.id "
                "ORDER BY intake.recorded_at, intake.id LIMIT 1) <= now_at "
                "OR (SELECT alarm.due_at FROM conversations_alarm AS alarm "
                "WHERE alarm.account_id = conversation.account_id "
                "AND alarm.conversation_id = conversation.id "
                "ORDER BY alarm.due_at LIMIT 1) <= now_at) "
                "UNION "
                "SELECT tracking.account_id FROM ("
                "SELECT DISTINCT segment.account_id FROM contacts_segment AS segment "
                "WHERE segment.tracked_at IS NOT NULL) AS tracking "
                "JOIN accounts_account AS account "
                "ON account.id = tracking.account_id AND NOT account.is_benchmark "
                "WHERE (SELECT touch.recorded_at FROM contacts_segmenttouch AS touch "
                "WHERE touch.account_id = tracking.account_id "
                "ORDER BY touch.recorded_at, touch.id LIMIT 1) <= now_at "
                "OR (SELECT member.recheck_at FROM contacts_segmentmember AS member "
                "WHERE member.account_id = tracking.account_id AND member.recheck_at IS NOT NULL "
                "ORDER BY member.recheck_at LIMIT 1) <= now_at) AS due "
                "LEFT JOIN conversations_turn AS turn ON turn.account_id = due.account_id "
                "ORDER BY turn.served_at NULLS FIRST LIMIT most"
            ),
            reads={
                "conversations_conversation": ["account_id", "id", "published_id", "paused_at"],
                "conversations_enrollment": ["account_id", "conversation_id", "due_at", "ended_at"],
                "contacts_intake": ["account_id", "conversation_id", "recorded_at", "id"],
                "conversations_alarm": ["account_id", "conversation_id", "due_at"],
                "contacts_segment": ["account_id", "tracked_at"],
                "contacts_segmenttouch": ["account_id", "recorded_at", "id"],
                "contacts_segmentmember": ["account_id", "recheck_at"],
                "conversations_turn": ["account_id", "served_at"],
            },
        ),
        *lookup_function(
            "lookup_calling_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT call.account_id FROM conversations_call AS call "
                "JOIN accounts_account AS account "
                "ON account.id = call.account_id AND NOT account.is_benchmark "
                "WHERE call.state IN ('queued', 'calling') AND call.next_at <= now_at "
                "GROUP BY call.account_id ORDER BY min(call.next_at) LIMIT most"
            ),
            reads={"conversations_call": ["account_id", "state", "next_at"]},
        ),
    ]
