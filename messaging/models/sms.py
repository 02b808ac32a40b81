"""Short codes, phone lists, consents and text messages."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models import Contact, ProfileField


class MessageType(models.TextChoices):
    """What a short code is provisioned for, and what a phone list is."""

    TRANSACTIONAL = "Transactional", "Transactional"
    MARKETING = "Marketing", "Marketing"


def both_types() -> list[str]:
    """Return the default provisioning."""
    return [MessageType.TRANSACTIONAL.value, MessageType.MARKETING.value]


class ShortCode(TenantModel):
    """A sender code (short, long or toll-free number), paired with an email list."""

    code = models.CharField(max_length=20)
    country = models.CharField(max_length=2, default="US")
    merchant_name = models.CharField(max_length=120, blank=True, default="")
    email_list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="short_codes")
    phone_field = TenantForeignKey(
        ProfileField, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    message_types = ArrayField(
        models.CharField(max_length=20, choices=MessageType), default=both_types
    )
    # Whom HELP names: a number, an address or a page.
    care_contact = models.CharField(max_length=120, blank=True, default="")
    # Beyond those that everybody has; see messaging/law/keywords.py.
    stop_words = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    start_words = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    help_words = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    # What the phone is answered, by kind of reply; what is not here is the default's.
    replies = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "code", name="short_code_once")]

    def __str__(self) -> str:
        return self.code


class TimeFrame(models.TextChoices):
    """In what time a phone list's limit counts: calendar periods of the contact's zone."""

    DAY = "Day", "a day"
    WEEK = "Week", "a week"
    MONTH = "Month", "a month"


class PhoneList(TenantModel):
    """
    A phone list of a short code, marketing or transactional.

    `message_limit`: at most so many texts that are not transactional to one number in a
    `message_limit_time_frame` (of `TimeFrame`); 0 is no limit.
    """

    short_code = TenantForeignKey(ShortCode, on_delete=models.CASCADE, related_name="phone_lists")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=MessageType, default=MessageType.TRANSACTIONAL)
    is_active = models.BooleanField(default=True)
    require_double_opt_in = models.BooleanField(default=False)
    require_age_gate = models.BooleanField(default=False)
    minimum_age = models.PositiveSmallIntegerField(default=18)
    message_limit = models.IntegerField(default=0)
    message_limit_time_frame = models.CharField(max_length=20, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "short_code", "name", name="phone_list_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class PhoneSubscriptionState(models.TextChoices):
    """How a number stands with a phone list."""

    SUBSCRIBED = "Subscribed", "Subscribed"
    PENDING = "Pending", "Pending"
    UNSUBSCRIBED = "Unsubscribed", "Unsubscribed"


class PhoneSubscription(TenantModel):
    """A number's consent to a phone list, with its evidence; its contact may be empty."""

    phone_list = TenantForeignKey(PhoneList, on_delete=models.CASCADE, related_name="subscriptions")
    phone_e164 = models.CharField(max_length=16)
    contact = TenantForeignKey(
        Contact,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="phone_subscriptions",
    )
    state = models.CharField(
        max_length=20, choices=PhoneSubscriptionState, default=PhoneSubscriptionState.SUBSCRIBED
    )
    pending_double_opt_in = models.BooleanField(default=False)
    pending_age_gate = models.BooleanField(default=False)
    pending_at = models.DateTimeField(null=True, blank=True)
    subscribed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    opt_out_reason = models.CharField(max_length=40, blank=True, default="")
    consent_source = models.CharField(max_length=120, blank=True, default="")
    consent_text = models.TextField(blank=True, default="")
    consent_at = models.DateTimeField(null=True, blank=True)
    consent_ip = models.CharField(max_length=45, blank=True, default="")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "phone_list", "phone_e164", name="phone_subscription_once"
            ),
        ]

    def __str__(self) -> str:
        return f"phone subscription {self.pk}"


class SmsMessage(TenantModel):
    """A text message of a phone list (the wire's SMS TransactionalMessage)."""

    phone_list = TenantForeignKey(PhoneList, on_delete=models.CASCADE, related_name="messages")
    name = models.CharField(max_length=120)
    text = models.TextField(max_length=1600)
    media_url = models.URLField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "phone_list", "name", name="sms_message_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
