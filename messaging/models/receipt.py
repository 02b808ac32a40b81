"""Receipts: what came back of a delivery."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.delivery import Delivery


class ReceiptKind(models.TextChoices):
    """What happened to a message after it was sent."""

    OPENED = "opened", "Opened"
    READ = "read", "Read"
    CLICKED = "clicked", "Clicked"
    BOUNCED = "bounced", "Bounced"
    COMPLAINED = "complained", "Marked as spam"
    CONVERTED = "converted", "Converted"
    REPLIED = "replied", "Replied"


class Receipt(TenantModel):
    """
    One thing that came back of a delivery: an open, a click, a bounce, a reply.

    `list_id`, `contact_id`, `conversation_id` and `step_key` are the delivery's, so that
    rules find a contact's receipts by one index. `detail` holds what the kind brings:
    {url}, {text}, {code}.
    """

    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="receipts")
    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True, blank=True)
    channel = models.CharField(max_length=10)
    kind = models.CharField(max_length=10, choices=ReceiptKind)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "contact_id", "kind", "occurred_at"], name="receipt_by_contact"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of delivery {self.delivery_id}"
