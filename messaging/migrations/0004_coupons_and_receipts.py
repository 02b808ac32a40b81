import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Coupon pools, and what comes back of a delivery."""

    dependencies = [
        ("accounts", "0004_secret"),
        ("messaging", "0003_sending"),
    ]

    operations = [
        migrations.CreateModel(
            name="CouponPool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("kind", models.CharField(choices=[("unique", "Unique codes"), ("static", "Static codes")], default="unique", max_length=10)),
                ("merchant", models.CharField(blank=True, default="", max_length=120)),
                ("cutoff_days", models.IntegerField(default=0)),
                ("fallback_code", models.CharField(blank=True, default="", max_length=100)),
                ("low_at", models.IntegerField(default=0)),
                ("alert_emails", models.JSONField(default=list)),
                ("alerted_at", models.DateTimeField(blank=True, null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                ("modified_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
        ),
        migrations.CreateModel(
            name="CouponCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=100)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("starts_on", models.DateField(blank=True, null=True)),
                ("ends_on", models.DateField(blank=True, null=True)),
                ("handed_at", models.DateTimeField(blank=True, null=True)),
                ("contact_id", models.BigIntegerField(blank=True, null=True)),
                ("enrollment_id", models.BigIntegerField(blank=True, null=True)),
                ("step_key", models.CharField(blank=True, default="", max_length=63)),
                ("visit_number", models.IntegerField(blank=True, null=True)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("pool", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="codes", to="messaging.couponpool")),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("list_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(blank=True, null=True)),
                ("channel", models.CharField(max_length=10)),
                ("kind", models.CharField(choices=[("opened", "Opened"), ("read", "Read"), ("clicked", "Clicked"), ("bounced", "Bounced"), ("complained", "Marked as spam"), ("converted", "Converted"), ("replied", "Replied")], max_length=10)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("detail", models.JSONField(default=dict)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("delivery", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="receipts", to="messaging.delivery")),
            ],
        ),
        migrations.AddConstraint(
            model_name="couponpool",
            constraint=models.UniqueConstraint(models.F("account"), models.F("name"), name="coupon_pool_name_once"),
        ),
        migrations.AddIndex(
            model_name="couponcode",
            index=models.Index(condition=models.Q(("handed_at__isnull", True)), fields=["account", "pool", "id"], name="coupon_code_free"),
        ),
        migrations.AddConstraint(
            model_name="couponcode",
            constraint=models.UniqueConstraint(models.F("account"), models.F("pool"), models.F("code"), name="coupon_code_once_per_pool"),
        ),
        migrations.AddConstraint(
            model_name="couponcode",
            constraint=models.UniqueConstraint(condition=models.Q(("enrollment_id__isnull", False)), fields=("account", "enrollment_id", "step_key", "visit_number"), name="coupon_once_per_visit"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["account", "contact_id", "kind", "occurred_at"], name="receipt_by_contact"),
        ),
        SecureTable("CouponPool"),
        SecureTable("CouponCode", unindexed=["pool"]),
        SecureTable("Receipt"),
    ]
