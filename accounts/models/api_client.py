"""API clients: a machine's credentials. The pages call one an integration."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel


class IntegrationType(models.TextChoices):
    """Which API an integration speaks (Listrak has one type each; ours may have several)."""

    EMAIL = "email", "Email"
    SMS = "sms", "SMS"
    DATA = "data", "Data"
    CROSSCHANNEL = "crosschannel", "Cross Channel"
    PRIVACY = "privacy", "Privacy"
    TWOWAYSMS = "twowaysms", "Two-Way SMS"


# The type of what Segment's write key opens: made on a page of its own, chosen nowhere.
WRITE_KEY_TYPE = "segment"


class AccessLevel(models.TextChoices):
    """What an integration may touch: the vendor's declared access levels."""

    CONTACT = "Contact", "Contact"
    EVENT = "Event", "Event"
    LIST = "List", "List"
    MESSAGE = "Message", "Message"
    REPORT = "Report", "Report"
    SEGMENTATION = "Segmentation", "Segmentation"
    CUSTOMER = "Customer", "Customer"
    ORDER = "Order", "Order"
    PRODUCT = "Product", "Product"
    REVIEW = "Review", "Review"


class ApiClient(TenantModel):
    """One integration: types, access levels, an allow list of addresses, a hashed secret."""

    name = models.CharField(max_length=120)
    client_id = models.CharField(max_length=40)  # random: it names the account
    secret_hash = models.CharField(max_length=64)
    types = ArrayField(models.CharField(max_length=20, choices=IntegrationType))
    levels = ArrayField(models.CharField(max_length=20, choices=AccessLevel))
    ip_allow = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "client_id", name="client_id_once_per_account")
        ]
        indexes = [models.Index(fields=["client_id", "account"], name="api_client_by_client_id")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """A paused integration gets no token, and its tokens no answer."""
        return self.paused_at is None


class ApiToken(TenantModel):
    """An opaque bearer token, kept as the SHA-256 of what the client holds."""

    client = TenantForeignKey(ApiClient, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "token_hash", name="token_once_per_account")
        ]
        indexes = [
            models.Index(fields=["account", "expires_at"], name="token_by_expiry"),
            models.Index(fields=["token_hash", "account"], name="token_by_hash"),
        ]

    def __str__(self) -> str:
        return f"token of {self.client_id}"


class ApiUse(TenantModel):
    """How often an integration called on one day (UTC)."""

    client = TenantForeignKey(ApiClient, on_delete=models.CASCADE, related_name="uses")
    day = models.DateField()
    calls = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint("account", "client", "day", name="api_use_once")]

    def __str__(self) -> str:
        return f"calls of {self.client_id} on {self.day}"


class KeptAnswer(TenantModel):
    """
    What a call with an `Idempotency-Key` was answered, for whoever sends it again.

    Written in the call's own transaction: a call that was refused or that crashed keeps
    nothing, and may be sent again. `fingerprint` is the SHA-256 of method, path, query and
    body: the same key with another one is refused.
    """

    client = TenantForeignKey(ApiClient, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.SmallIntegerField(default=0)
    body = models.TextField(default="")
    kept_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "client", "key", name="answer_once")]
        indexes = [models.Index(fields=["account", "kept_at"], name="answer_by_age")]

    def __str__(self) -> str:
        return f"answer {self.status} of {self.client_id}"
