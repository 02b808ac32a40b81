"""Receipts: what came back of a delivery, and what providers said of it."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.delivery import Delivery


class ReceiptKind(models.TextChoices):
    """
    What happened to a message after it was sent.

    Machines have kinds of their own, so that no rule and no number takes them for people:
    a mail program's proxy that fetches every picture, a scanner that follows every link.
    """

    OPENED = "opened", "Opened"
    READ = "read", "Read"
    CLICKED = "clicked", "Clicked"
    BOUNCED = "bounced", "Bounced"
    COMPLAINED = "complained", "Marked as spam"
    CONVERTED = "converted", "Converted"
    REPLIED = "replied", "Replied"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    REJECTED = "rejected", "Rejected by the provider"
    PREFETCHED = "prefetched", "Loaded by a mail proxy"
    SCANNED = "scanned", "Followed by a scanner"


class Receipt(TenantModel):
    """
    One thing that came back of a delivery: an open, a click, a bounce, a reply.

    `list_id`, `contact_id`, `conversation_id` and `step_key` are the delivery's, so that
    rules find a contact's receipts by one index. `detail` holds what the kind brings:
    {url}, {text}, {code}, a bounce's {bounce: hard | soft}.
    """

    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="receipts")
    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True, blank=True)
    channel = models.CharField(max_length=10)
    kind = models.CharField(max_length=20, choices=ReceiptKind)
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


class ProviderNotice(TenantModel):
    """
    One thing that a provider told us, so that telling it twice changes nothing.

    `delivery_id` (by value) is what it was about; null while that is not known yet: a
    provider may be quicker than the sender that writes down what the provider said.
    """

    provider = models.CharField(max_length=40)
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    provider_message_id = models.CharField(max_length=200, blank=True, default="")
    delivery_id = models.BigIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "provider", "event_id", name="provider_notice_once"),
        ]
        indexes = [
            models.Index(fields=["account", "recorded_at"], name="provider_notice_by_age"),
            models.Index(
                fields=["account", "recorded_at", "id"],
                condition=models.Q(delivery_id__isnull=True),
                name="provider_notice_early",
            ),
            models.Index(
                fields=["account", "delivery_id"],
                condition=models.Q(delivery_id__isnull=False),
                name="provider_notice_of_delivery",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.provider}"
