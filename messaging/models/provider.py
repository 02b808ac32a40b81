"""Who carries an account's messages."""

from django.db import models

from accounts.tenancy.models import TenantModel
from messaging.models.message import Channel


class Provider(TenantModel):
    """
    The carrier of one channel of an account. Without a row it is the sandbox.

    `kind` names a file of `messaging/providers/`; `settings` are plain, `secret` is
    encrypted at rest.
    """

    channel = models.CharField(max_length=10, choices=Channel)
    kind = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    secret = models.TextField(blank=True, default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "channel", name="one_provider_a_channel")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.kind}"
