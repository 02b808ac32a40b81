"""Imports: files of contacts, orders or coupon codes, taken chunk by chunk."""

from django.db import models

from accounts.models import List, User
from accounts.tenancy.models import TenantForeignKey, TenantModel


class ImportKind(models.TextChoices):
    """What the rows are."""

    CONTACTS = "contacts", "Contacts"
    ORDERS = "orders", "Orders"
    COUPONS = "coupons", "Coupon codes"
    PRODUCTS = "products", "Products"
    SUPPRESSIONS = "suppressions", "Suppressed addresses"
    DEACTIVATIONS = "deactivations", "Deactivated numbers"
    REVIEWS = "reviews", "Reviews"
    CLEARINGS = "clearings", "Cleared profile field"


class ImportStatus(models.TextChoices):
    """Where an import stands; the wire's names are the values."""

    UPLOADED = "DataUploaded", "Waiting for its column mapping"
    READY = "DataReadyForProcessing", "Waiting for a worker"
    PROCESSING = "ProcessingData", "Running"
    COMPLETED = "ProcessingCompleted", "Done"
    FAILED = "ProcessingFailed", "Failed"


class Import(TenantModel):
    """
    One file with its mapping, options, position and counters.

    `position` (bytes) and the counters are committed with each chunk, so that a killed
    import goes on where it stopped and the bar reads committed rows. `counts` holds
    the summary: processed, created, updated, unchanged, rejected, subscribed,
    already_subscribed, previously_unsubscribed, already_unsubscribed, suppressed,
    banned, invalid_email, skipped, unsubscribed, events, warnings.
    """

    kind = models.CharField(max_length=20, choices=ImportKind)
    list = TenantForeignKey(
        List, on_delete=models.CASCADE, null=True, blank=True, related_name="imports"
    )
    file_name = models.CharField(max_length=255)
    file = models.FileField(upload_to="imports/%Y/%m", blank=True)
    size = models.BigIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    line = models.BigIntegerField(default=0)
    # encoding, delimiter, qualifier, has_header, columns: [{column, target ...}]
    mapping = models.JSONField(default=dict)
    # import_type, update_type, start_conversations, event_ids, phone_list_id, consent ...
    options = models.JSONField(default=dict)
    status = models.CharField(max_length=30, choices=ImportStatus, default=ImportStatus.UPLOADED)
    failure = models.TextField(blank=True, default="")
    counts = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=models.Q(status__in=["DataReadyForProcessing", "ProcessingData"]),
                name="import_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportReject(TenantModel):
    """A line that was not taken (or, with severity `warning`, taken with a remark)."""

    imported = TenantForeignKey(Import, on_delete=models.CASCADE, related_name="rejects")
    line = models.BigIntegerField()
    severity = models.CharField(max_length=10, default="reject")
    code = models.CharField(max_length=40)
    reason = models.TextField()
    raw = models.TextField(blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["account", "imported", "line"], name="reject_by_line")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
