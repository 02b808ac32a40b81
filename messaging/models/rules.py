"""What an account allows itself: how often, at what hours, to whom not."""

from django.db import models
from django.db.models import Q

from accounts.tenancy.models import TenantModel


class CapChannel(models.TextChoices):
    """What a cap counts."""

    EMAIL = "email", "Emails"
    SMS = "sms", "Texts"
    ANY = "any", "Emails and texts together"


class CapPeriod(models.TextChoices):
    """Over what a cap counts: the contact's calendar day, or its week from Monday."""

    DAY = "day", "a day"
    WEEK = "week", "a week"


class FrequencyCap(TenantModel):
    """
    At most so many messages to one contact in a day or a week of its own zone.

    `campaign` narrows it to conversations and broadcasts of that campaign; "" counts everything.
    What is transactional is neither counted nor held.
    """

    channel = models.CharField(max_length=10, choices=CapChannel)
    period = models.CharField(max_length=10, choices=CapPeriod)
    campaign = models.CharField(max_length=120, blank=True, default="")
    most = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "channel", "period", "campaign", name="frequency_cap_once"
            ),
            models.CheckConstraint(condition=Q(most__gte=1), name="frequency_cap_lets_one_pass"),
        ]

    def __str__(self) -> str:
        return f"{self.most} {self.channel} a {self.period}"


class SendingRules(TenantModel):
    """
    At what local hours an account writes, and whom it never writes to. Without a row: always.

    Hours are wall times of the contact's zone: from `opens` until before `closes`; both
    empty is the whole day. `follows_law`: marketing texts also keep to the hours of the
    number's state or province (messaging/law). `holdout_percent` of the contacts, by a
    hash of their id, get nothing that is not transactional. `most_a_day` is the account's
    limit over all contacts, 0 is none.
    """

    email_opens = models.TimeField(null=True, blank=True)
    email_closes = models.TimeField(null=True, blank=True)
    sms_opens = models.TimeField(null=True, blank=True)
    sms_closes = models.TimeField(null=True, blank=True)
    follows_law = models.BooleanField(default=True)
    holdout_percent = models.PositiveSmallIntegerField(default=0)
    most_a_day = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", name="sending_rules_once"),
            models.CheckConstraint(
                condition=Q(holdout_percent__lte=50), name="holdout_is_at_most_half"
            ),
        ]

    def __str__(self) -> str:
        return "sending rules"


class SentCount(TenantModel):
    """How many messages left an account on a day of its zone; kept while it has a limit."""

    day = models.DateField()
    number = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint("account", "day", name="sent_count_once_a_day")]

    def __str__(self) -> str:
        return f"{self.number} on {self.day}"
