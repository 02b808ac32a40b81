from django.db import migrations, models

from accounts.tenancy.lookups import lookup_function

AWAITED = models.Q(("is_transactional", True), models.Q(("step_key", ">broadcast"), _negated=True))
IS_URGENT = models.Q(AWAITED, ("is_test", True), _connector="OR")
NOT_URGENT = models.Q(AWAITED, ("is_test", True), _connector="OR", _negated=True)
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
    "AND {lane}((delivery.is_transactional AND NOT delivery.step_key = '>broadcast') "
    "OR delivery.is_test)) "
    f"AND NOT EXISTS ({WAITS})"
)


class Migration(migrations.Migration):
    """What was told of a delivery is found by it; texts to an audience go in bulk, one a number."""

    dependencies = [("messaging", "0016_by_broadcast")]

    operations = [
        migrations.AddIndex(
            model_name="providernotice",
            index=models.Index(condition=models.Q(("delivery_id__isnull", False)), fields=["account", "delivery_id"], name="provider_notice_of_delivery"),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_urgent"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_bulk"),
        migrations.RemoveConstraint(model_name="delivery", name="delivery_once_per_broadcast"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "queued"), IS_URGENT), fields=["account", "channel", "queued_at", "id"], name="delivery_urgent"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "queued"), NOT_URGENT), fields=["account", "channel", "queued_at", "id"], name="delivery_bulk"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(condition=models.Q(("broadcast_id__isnull", False), models.Q(("step_key", ">broadcast"), _negated=True)), fields=("account", "broadcast_id", "subscription_id"), name="delivery_once_per_broadcast"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(condition=models.Q(("broadcast_id__isnull", False), ("step_key", ">broadcast")), fields=("account", "broadcast_id", "address"), name="delivery_once_per_number"),
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
            reads={"messaging_delivery": ["step_key"]},
        ),
    ]
