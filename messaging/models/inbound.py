"""What phones write to us, and the ledger of their consents."""

from django.db import models
from django.db.models import Q

from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models import Contact
from messaging.models.sms import PhoneList, PhoneSubscriptionState, ShortCode


class Meaning(models.TextChoices):
    """What a text from a phone was taken for."""

    STOP = "stop", "Opt-out"
    START = "start", "Opt-in again"
    HELP = "help", "Help"
    CONFIRMED = "confirmed", "Confirmation"
    OF_AGE = "of age", "Age confirmed"
    UNDER_AGE = "under age", "Under age"
    UNKNOWN = "unknown", "Other"


class InboundText(TenantModel):
    """
    A text that a phone sent to a short code; its contact may be empty.

    `reply_id` is the delivery that answered it, `silence` why nothing did. `media` are the
    addresses of pictures.
    """

    short_code = TenantForeignKey(ShortCode, on_delete=models.CASCADE, related_name="inbound")
    phone_e164 = models.CharField(max_length=16)
    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="inbound_texts"
    )
    text = models.TextField(blank=True, default="")
    media = models.JSONField(default=list)
    meaning = models.CharField(max_length=20, choices=Meaning)
    provider = models.CharField(max_length=40)
    provider_message_id = models.CharField(max_length=200, blank=True, default="")
    reply_id = models.BigIntegerField(null=True, blank=True)
    silence = models.CharField(max_length=60, blank=True, default="")
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "provider", "provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="inbound_text_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "phone_e164", "received_at"], name="inbound_by_phone"),
        ]

    def __str__(self) -> str:
        return f"inbound text {self.pk}"


class ConsentChange(TenantModel):
    """
    One change of a number's consent to a phone list: the ledger. Only ever added to.

    `what` happened, by which `source`, on the words of `text`, from the address `ip`, at
    which time; `state` is how the number stood afterwards.
    """

    phone_list = TenantForeignKey(
        PhoneList, on_delete=models.CASCADE, related_name="consent_changes"
    )
    phone_e164 = models.CharField(max_length=16)
    what = models.CharField(max_length=40)
    state = models.CharField(max_length=20, choices=PhoneSubscriptionState)
    source = models.CharField(max_length=120, blank=True, default="")
    text = models.TextField(blank=True, default="")
    ip = models.CharField(max_length=45, blank=True, default="")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["account", "phone_e164", "id"], name="consent_change_by_phone"),
        ]

    def __str__(self) -> str:
        return f"consent change {self.pk}"
