"""Notices: what a message step mails to the account's people about itself."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from conductor.conversations.models.conversation import Conversation


class Notice(TenantModel):
    """
    Whom a running version's step tells how its messages fared, and what it has told.

    `daily_at` is when the next daily mail is due (null: none is wanted), `told_failed` how
    many failed messages were told of (null: nobody wants to know), `told_at` when.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    step_key = models.CharField(max_length=63)
    emails = models.JSONField(default=list)
    daily_at = models.DateTimeField(null=True, blank=True)
    told_failed = models.IntegerField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation", "step_key"], name="notice_once_per_step"
            ),
        ]

    def __str__(self) -> str:
        return f"notice of step {self.step_key}"
