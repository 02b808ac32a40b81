from django.db import migrations, models

from accounts.tenancy.lookups import lookup_function

IS_URGENT = models.Q(("is_transactional", True), ("is_test", True), _connector="OR")
NOT_URGENT = models.Q(("is_transactional", True), ("is_test", True), _connector="OR", _negated=True)
# A channel whose carrier is paused or throttled has nothing to send for now.
WAITS = (
    "SELECT FROM messaging_provider AS provider WHERE provider.account_id = account.id "
    "AND provider.channel = channel.name AND provider.is_default "
    "AND (provider.paused_at IS NOT NULL OR provider.throttled_until > now_at)"
)
QUEUED = (
    "SELECT FROM unnest(ARRAY['email', 'sms']) AS channel (name) WHERE EXISTS ("
    "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
    "AND delivery.channel = channel.name AND delivery.state = 'queued' "
    "AND {lane}(delivery.is_transactional OR delivery.is_test)) "
    f"AND NOT EXISTS ({WAITS})"
)


class Migration(migrations.Migration):
    """Two lanes of the outbox; several providers a channel, their rates and back-off."""

    dependencies = [("messaging", "0007_suppression")]

    operations = [
        migrations.RemoveConstraint(model_name="provider", name="one_provider_a_channel"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_to_send"),
        migrations.AddField(model_name="provider", name="concurrency", field=models.PositiveSmallIntegerField(blank=True, null=True)),
        migrations.AddField(model_name="provider", name="hook_key", field=models.CharField(blank=True, default="", max_length=64)),
        # What is there carries its channel already.
        migrations.AddField(model_name="provider", name="is_default", field=models.BooleanField(default=True)),
        migrations.AlterField(model_name="provider", name="is_default", field=models.BooleanField(default=False)),
        migrations.AddField(model_name="provider", name="last_error_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="provider", name="leases", field=models.JSONField(default=dict)),
        migrations.AddField(model_name="provider", name="rate_per_second", field=models.FloatField(blank=True, null=True)),
        migrations.AddField(model_name="provider", name="throttle_count", field=models.PositiveSmallIntegerField(default=0)),
        migrations.AddField(model_name="provider", name="throttled_until", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="provider", name="tokens", field=models.FloatField(default=0)),
        migrations.AddField(model_name="provider", name="tokens_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(model_name="sendingturn", name="urgent_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(model_name="sendingturn", name="served_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "queued"), IS_URGENT), fields=["account", "channel", "queued_at", "id"], name="delivery_urgent"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "queued"), NOT_URGENT), fields=["account", "channel", "queued_at", "id"], name="delivery_bulk"),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.UniqueConstraint(models.F("account"), models.F("channel"), models.F("kind"), name="one_provider_a_kind"),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.UniqueConstraint(condition=models.Q(("is_default", True)), fields=("account", "channel"), name="one_default_provider_a_channel"),
        ),
        *lookup_function(
            "lookup_sending_accounts(now_at timestamptz, most integer, is_urgent boolean)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account "
                "LEFT JOIN messaging_sendingturn AS turn ON turn.account_id = account.id "
                "WHERE NOT account.is_benchmark AND ("
                f"(is_urgent AND EXISTS ({QUEUED.format(lane='')})) "
                f"OR (NOT is_urgent AND EXISTS ({QUEUED.format(lane='NOT ')})) OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'deferred' AND delivery.not_before <= now_at) OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'sending' AND delivery.claimed_at <= now_at - interval '60 seconds')) "
                "ORDER BY CASE WHEN is_urgent THEN turn.urgent_at ELSE turn.served_at END NULLS FIRST, "
                "account.id LIMIT most"
            ),
            reads={
                "messaging_sendingturn": ["account_id", "served_at", "urgent_at"],
                "messaging_delivery": ["account_id", "channel", "state", "is_transactional", "is_test", "not_before", "claimed_at"],
                "messaging_provider": ["account_id", "channel", "is_default", "paused_at", "throttled_until"],
            },
        ),
        migrations.RunSQL("DROP FUNCTION lookup_sending_accounts(timestamptz, integer)", migrations.RunSQL.noop),
    ]
