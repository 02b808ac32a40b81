import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
from accounts.tenancy.operations import SecureTable

# The first instant, from `moment` on, that is within the hours in every one of the zones;
# NULL where `moment` itself is. `hours` are minutes of the local day: two for each day from
# Monday, opening and closing (excluded); equal ones are a day without hours. What is never
# open is closed for eight days.
QUIET_UNTIL = """
CREATE FUNCTION next_open(moment timestamptz, zone text, hours smallint[]) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE STRICT AS $$
DECLARE
    today date := (moment AT TIME ZONE zone)::date;
    wall date;
    place integer;
    opening timestamptz;
    closing timestamptz;
BEGIN
    FOR ahead IN 0..8 LOOP
        wall := today + ahead;
        place := extract(isodow FROM wall)::integer * 2 - 1;
        CONTINUE WHEN hours[place] >= hours[place + 1];
        closing := local_instant(wall + make_interval(mins => hours[place + 1]), zone);
        CONTINUE WHEN moment >= closing;
        opening := local_instant(wall + make_interval(mins => hours[place]), zone);
        RETURN greatest(moment, opening);
    END LOOP;
    RETURN moment + interval '8 days';
END
$$;

CREATE FUNCTION quiet_until(moment timestamptz, zones text[], hours smallint[])
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE STRICT AS $$
DECLARE
    found timestamptz := moment;
    before timestamptz;
    zone text;
BEGIN
    FOR attempt IN 1..16 LOOP
        before := found;
        FOREACH zone IN ARRAY zones LOOP
            found := next_open(found, zone, hours);
        END LOOP;
        EXIT WHEN found = before;
    END LOOP;
    RETURN CASE WHEN found > moment THEN found END;
END
$$;
"""
NO_QUIET_UNTIL = """
DROP FUNCTION quiet_until(timestamptz, text[], smallint[]);
DROP FUNCTION next_open(timestamptz, text, smallint[]);
"""


class Migration(migrations.Migration):
    """Caps, hours and limits of an account; what phones write, and the ledger of consents."""

    dependencies = [
        ("accounts", "0005_api_calls"),
        ("contacts", "0015_kinds_of_import"),
        ("messaging", "0009_provider_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="skips_quiet",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="delivery",
            name="waits_for_cap",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="phonelist",
            name="minimum_age",
            field=models.PositiveSmallIntegerField(default=18),
        ),
        migrations.AddField(
            model_name="shortcode",
            name="care_contact",
            field=models.CharField(blank=True, default="", max_length=120),
        ),
        migrations.AddField(
            model_name="shortcode",
            name="replies",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="shortcode",
            name="stop_words",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, size=None),
        ),
        migrations.CreateModel(
            name="ConsentChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("phone_e164", models.CharField(max_length=16)),
                ("what", models.CharField(max_length=40)),
                ("state", models.CharField(choices=[("Subscribed", "Subscribed"), ("Pending", "Pending"), ("Unsubscribed", "Unsubscribed")], max_length=20)),
                ("source", models.CharField(blank=True, default="", max_length=120)),
                ("text", models.TextField(blank=True, default="")),
                ("ip", models.CharField(blank=True, default="", max_length=45)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("phone_list", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="consent_changes", to="messaging.phonelist")),
            ],
            options={
                "indexes": [models.Index(fields=["account", "phone_e164", "id"], name="consent_change_by_phone")],
            },
        ),
        migrations.CreateModel(
            name="FrequencyCap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(choices=[("email", "Emails"), ("sms", "Texts"), ("any", "Emails and texts together")], max_length=10)),
                ("period", models.CharField(choices=[("day", "a day"), ("week", "a week")], max_length=10)),
                ("campaign", models.CharField(blank=True, default="", max_length=120)),
                ("most", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), models.F("channel"), models.F("period"), models.F("campaign"), name="frequency_cap_once"), models.CheckConstraint(condition=models.Q(("most__gte", 1)), name="frequency_cap_lets_one_pass")],
            },
        ),
        migrations.CreateModel(
            name="InboundText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("phone_e164", models.CharField(max_length=16)),
                ("text", models.TextField(blank=True, default="")),
                ("media", models.JSONField(default=list)),
                ("meaning", models.CharField(choices=[("stop", "Opt-out"), ("start", "Opt-in again"), ("help", "Help"), ("confirmed", "Confirmation"), ("of age", "Age confirmed"), ("under age", "Under age"), ("unknown", "Other")], max_length=20)),
                ("provider", models.CharField(max_length=40)),
                ("provider_message_id", models.CharField(blank=True, default="", max_length=200)),
                ("reply_id", models.BigIntegerField(blank=True, null=True)),
                ("silence", models.CharField(blank=True, default="", max_length=60)),
                ("received_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
                ("contact", accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="inbound_texts", to="contacts.contact")),
                ("short_code", accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="inbound", to="messaging.shortcode")),
            ],
            options={
                "indexes": [models.Index(fields=["account", "phone_e164", "received_at"], name="inbound_by_phone")],
                "constraints": [models.UniqueConstraint(condition=models.Q(("provider_message_id", ""), _negated=True), fields=("account", "provider", "provider_message_id"), name="inbound_text_once")],
            },
        ),
        migrations.CreateModel(
            name="SendingRules",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email_opens", models.TimeField(blank=True, null=True)),
                ("email_closes", models.TimeField(blank=True, null=True)),
                ("sms_opens", models.TimeField(blank=True, null=True)),
                ("sms_closes", models.TimeField(blank=True, null=True)),
                ("follows_law", models.BooleanField(default=True)),
                ("holdout_percent", models.PositiveSmallIntegerField(default=0)),
                ("most_a_day", models.PositiveIntegerField(default=0)),
                ("updated_at", models.DateTimeField()),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), name="sending_rules_once"), models.CheckConstraint(condition=models.Q(("holdout_percent__lte", 50)), name="holdout_is_at_most_half")],
            },
        ),
        migrations.CreateModel(
            name="SentCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("number", models.PositiveIntegerField(default=0)),
                ("account", models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account")),
            ],
            options={
                "constraints": [models.UniqueConstraint(models.F("account"), models.F("day"), name="sent_count_once_a_day")],
            },
        ),
        migrations.RunSQL(QUIET_UNTIL, NO_QUIET_UNTIL),
        SecureTable("FrequencyCap"),
        SecureTable("SendingRules"),
        SecureTable("SentCount"),
        SecureTable("InboundText"),
        SecureTable("ConsentChange"),
    ]
