import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureReference, SecureTable


class Migration(migrations.Migration):
    """Segments, listeners that watch, facts by value, and what alerts on products ask for."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("contacts", "0004_statistics"),
    ]

    operations = [
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(choices=[("rule", "Rule"), ("manual", "By hand")], default="rule", max_length=10)),
                ("rule", models.JSONField(default=dict)),
                ("revision", models.IntegerField(default=1)),
                ("tracked_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("modified_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SegmentMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_member", models.BooleanField(default=True)),
                ("since", models.DateTimeField()),
                ("recheck_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SegmentTouch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recorded_at", models.DateTimeField()),
                ("depth", models.SmallIntegerField(default=0)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="listener",
            name="listener_once_per_conversation",
        ),
        migrations.AddField(
            model_name="event",
            name="sku",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        # By value from now on: the fact that a contact was erased outlives the contact.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE contacts_intake DROP CONSTRAINT contacts_intake_contact_id_in_account",
                    migrations.RunSQL.noop,
                ),
                migrations.RunSQL(
                    "DROP INDEX contacts_intake_contact_id_idx", migrations.RunSQL.noop
                ),
            ],
            state_operations=[
                migrations.RemoveField(model_name="intake", name="contact"),
                migrations.AddField(
                    model_name="intake",
                    name="contact_id",
                    field=models.BigIntegerField(default=0),
                    preserve_default=False,
                ),
            ],
        ),
        migrations.AddField(
            model_name="intake",
            name="segment_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="intake",
            name="step_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=63),
        ),
        migrations.AddField(
            model_name="listener",
            name="role",
            field=models.CharField(db_default="trigger", default="trigger", max_length=10),
        ),
        migrations.AddField(
            model_name="product",
            name="in_stock",
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="quantity",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="sale_price",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True),
        ),
        migrations.AlterField(
            model_name="listener",
            name="conversation_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(condition=models.Q(("sku", ""), _negated=True), fields=["account", "external_event_id", "sku", "occurred_at"], name="event_by_sku"),
        ),
        migrations.AddField(
            model_name="segment",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="segment",
            name="list",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="segments", to="accounts.list"),
        ),
        migrations.AddField(
            model_name="listener",
            name="for_segment",
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.segment"),
        ),
        migrations.AddField(
            model_name="listener",
            name="segment",
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.segment"),
        ),
        migrations.AddIndex(
            model_name="listener",
            index=models.Index(condition=models.Q(("conversation_id__isnull", False)), fields=["account", "conversation_id"], name="listener_by_conversation"),
        ),
        migrations.AddConstraint(
            model_name="listener",
            constraint=models.UniqueConstraint(fields=("account", "conversation_id", "for_segment", "role", "kind", "external_event", "segment"), name="listener_once", nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name="listener",
            constraint=models.CheckConstraint(condition=models.Q(("conversation_id__isnull", True), ("for_segment__isnull", True), _connector="XOR"), name="listener_is_conversation_or_segment"),
        ),
        migrations.AddField(
            model_name="segmentmember",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="segmentmember",
            name="segment",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="members", to="contacts.segment"),
        ),
        migrations.AddField(
            model_name="segmentmember",
            name="subscription",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.subscription"),
        ),
        migrations.AddField(
            model_name="segmenttouch",
            name="account",
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.AddField(
            model_name="segmenttouch",
            name="contact",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact"),
        ),
        migrations.AddField(
            model_name="segmenttouch",
            name="segment",
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.segment"),
        ),
        migrations.AddConstraint(
            model_name="segment",
            constraint=models.UniqueConstraint(models.F("account"), models.F("list"), models.F("name"), name="segment_name_once_per_list"),
        ),
        migrations.AddIndex(
            model_name="segmentmember",
            index=models.Index(condition=models.Q(("recheck_at__isnull", False)), fields=["account", "recheck_at"], name="segment_member_to_recheck"),
        ),
        migrations.AddConstraint(
            model_name="segmentmember",
            constraint=models.UniqueConstraint(fields=("account", "segment", "subscription"), name="segment_member_once"),
        ),
        migrations.AddIndex(
            model_name="segmenttouch",
            index=models.Index(fields=["account", "recorded_at", "id"], name="segment_touch_in_order"),
        ),
        SecureTable("Segment", unindexed=["list"]),
        SecureTable("SegmentMember", unindexed=["segment"]),
        SecureTable("SegmentTouch"),
        SecureReference("Listener", "for_segment"),
        SecureReference("Listener", "segment"),
    ]
