from django.db import migrations, models
import django.db.models.deletion

import accounts.tenancy.account
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Attempts of a delivery, and whose turn it is to send."""

    dependencies = [("messaging", "0002_tenancy")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="attempts",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="SendingTurn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("served_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        default=accounts.tenancy.account.current_account_id,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(models.F("account"), name="sending_turn_once")
                ],
            },
        ),
        SecureTable("SendingTurn"),
        *lookup_function(
            "lookup_sending_accounts(now_at timestamptz, most integer)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT account.id FROM accounts_account AS account "
                "LEFT JOIN messaging_sendingturn AS turn ON turn.account_id = account.id "
                "WHERE NOT account.is_benchmark AND (EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'queued') OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'deferred' AND delivery.not_before <= now_at) OR EXISTS ("
                "SELECT FROM messaging_delivery AS delivery WHERE delivery.account_id = account.id "
                "AND delivery.state = 'sending' AND delivery.claimed_at <= now_at - interval '60 seconds')) "
                "ORDER BY turn.served_at NULLS FIRST, account.id LIMIT most"
            ),
            reads={"messaging_sendingturn": ["account_id", "served_at"]},
        ),
    ]
