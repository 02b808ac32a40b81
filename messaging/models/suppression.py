"""Addresses that are not written to, whatever their contact agreed to."""

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.message import Channel


class SuppressionReason(models.TextChoices):
    """Why an address is not written to."""

    HARD_BOUNCE = "hard bounce", "Hard bounce"
    SOFT_BOUNCES = "soft bounces", "Soft bounces"
    COMPLAINT = "complaint", "Complaint"
    MANUAL = "manual", "By hand"
    IMPORT = "import", "Import"
    DEACTIVATED = "deactivated", "Deactivated"
    ERASED = "erased", "Erased"


class Suppression(TenantModel):
    """
    An address that is not written to, on one list or (`list` empty) in the whole account.

    `address` is the contact's `email_norm` or an E.164 number; of somebody who was erased
    only its hash is kept, `sha256:` and 64 hex digits (`messaging.actions.suppressions`).
    """

    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254)
    list = TenantForeignKey(
        List, on_delete=models.CASCADE, null=True, blank=True, related_name="suppressions"
    )
    reason = models.CharField(max_length=20, choices=SuppressionReason)
    source = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "channel", "address", "list"],
                nulls_distinct=False,
                name="suppression_once",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=[reason.value for reason in SuppressionReason]),
                name="suppression_reason_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "channel"],
                condition=Q(reason="erased"),
                name="suppression_of_the_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} suppression {self.pk}"
