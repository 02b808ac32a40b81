"""Who carries an account's messages."""

from django.db import models
from django.db.models import Q

from accounts.tenancy.models import TenantModel
from messaging.models.message import Channel


class Provider(TenantModel):
    """
    A carrier of one channel of an account, one a kind. Without a row it is the sandbox.

    `kind` names a file of `messaging/providers/`; `settings` are plain, `secret` is a JSON
    object encrypted at rest. Deliveries go by the channel's default; while it is paused,
    or throttled, its queue waits.

    `tokens` as of `tokens_at` are how many messages may be taken at once: they grow by
    `rate_per_second`. `leases` says which sender holds how many connections and until
    when: {"sender lane": [2, "2026-11-22T08:00:00+00:00"]}.
    """

    channel = models.CharField(max_length=10, choices=Channel)
    kind = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    secret = models.TextField(blank=True, default="")
    is_default = models.BooleanField(default=False)
    # What stands in the address that the provider calls back; no secret of theirs.
    hook_key = models.CharField(max_length=64, blank=True, default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    last_error_at = models.DateTimeField(null=True, blank=True)
    rate_per_second = models.FloatField(null=True, blank=True)
    concurrency = models.PositiveSmallIntegerField(null=True, blank=True)
    tokens = models.FloatField(default=0)
    tokens_at = models.DateTimeField(null=True, blank=True)
    leases = models.JSONField(default=dict)
    throttled_until = models.DateTimeField(null=True, blank=True)
    throttle_count = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "channel", "kind", name="one_provider_a_kind"),
            models.UniqueConstraint(
                fields=["account", "channel"],
                condition=Q(is_default=True),
                name="one_default_provider_a_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.kind}"
