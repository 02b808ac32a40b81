"""Broadcasts: one message to everybody of an audience, at its time."""

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models import Segment
from messaging.models.campaign import Campaign
from messaging.models.message import Channel, CommittedMessage, SavedMessage
from messaging.models.sms import PhoneList, SmsMessage

# What a transaction brings for its template, among its event's: {field id: value}.
VALUES = ">profile"
# Beside it, of one that is sent on to somebody else: what comes back of it is nobody's.
FORWARDED = ">forwarded"


def no_names() -> list[str]:
    """Return the names of no segments."""
    return []


class BroadcastKind(models.TextChoices):
    """Why it is sent; the wire's names are the values."""

    LIST = "List", "To an audience"
    TEST = "Test", "A test"
    REVIEW = "Review", "A copy to review"
    TRANSACTIONAL = "Transactional", "One by one, as the shop asks"


class BroadcastStatus(models.TextChoices):
    """Where it stands; the wire's names are the values."""

    WAITING = "ToBeSent", "Waiting for its time"
    SENDING = "Sending", "Being written to its audience"
    SENT = "Sent", "Written to its whole audience"
    NOT_READY = "NotReady", "Something that it asks for is gone"
    CANCELED = "Canceled", "Canceled before its time"


class SplitTest(TenantModel):
    """
    Several messages to shares of one audience, to see which does best.

    `kind` is what they differ by. Where a remainder is planned, `winner` is the group whose
    message it gets, from `decided_at` on.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="split_tests")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, default="Subject")
    metric = models.CharField(max_length=20, default="Opens")
    winner = TenantForeignKey(
        "messaging.Broadcast", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Broadcast(TenantModel):
    """
    One message to an audience: the wire's Message.

    Its audience is a list (or a phone list): who is in `segment`, for whom `rule` holds
    (resolved, null = everybody), who is in none of `excluded`. From `send_at` on it is
    written to the outbox, batch by batch in the order of the subscriptions; `position` is
    the last one served. `counts` is how many were eligible when it began, and of the others
    how many for each reason: {eligible, reasons: {reason: number}}.

    One of kind Transactional stands for all that is sent one by one of a saved message or a
    text: it is never written to anybody by itself.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="broadcasts")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    kind = models.CharField(max_length=20, choices=BroadcastKind, default=BroadcastKind.LIST)
    status = models.CharField(
        max_length=20, choices=BroadcastStatus, default=BroadcastStatus.WAITING
    )
    name = models.CharField(max_length=120, blank=True, default="")
    message = TenantForeignKey(
        CommittedMessage, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    saved_message = TenantForeignKey(
        SavedMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="broadcasts"
    )
    sms_message = TenantForeignKey(
        SmsMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="broadcasts"
    )
    phone_list = TenantForeignKey(
        PhoneList, on_delete=models.CASCADE, null=True, blank=True, related_name="broadcasts"
    )
    campaign = TenantForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="broadcasts"
    )
    external_campaign_id = models.CharField(max_length=120, blank=True, default="")
    # What the wire brings and shows again: toName, codePage, enablePassalong ...
    options = models.JSONField(default=dict)
    segment = TenantForeignKey(
        Segment, on_delete=models.SET_NULL, null=True, blank=True, related_name="broadcasts"
    )
    rule = models.JSONField(null=True, blank=True)
    # Names of segments, for people, as they were when it was made.
    included = models.JSONField(default=no_names)
    excluded = models.JSONField(default=no_names)
    counts = models.JSONField(default=dict)
    split_test = TenantForeignKey(
        SplitTest, on_delete=models.CASCADE, null=True, blank=True, related_name="broadcasts"
    )
    # Of a group; what goes to a test's remainder has none.
    group_name = models.CharField(max_length=120, blank=True, default="")
    # Which share of the audience is its own: draws from `share_from` up to `share_to`, of 100.
    share_from = models.SmallIntegerField(default=0)
    share_to = models.SmallIntegerField(default=100)
    position = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    send_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "saved_message"],
                condition=Q(kind="Transactional", saved_message__isnull=False),
                name="broadcast_of_saved_message_once",
            ),
            models.UniqueConstraint(
                fields=["account", "sms_message"],
                condition=Q(kind="Transactional", sms_message__isnull=False),
                name="broadcast_of_sms_message_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "send_at"],
                condition=Q(status__in=["ToBeSent", "Sending"]),
                name="broadcast_to_send",
            ),
            models.Index(fields=["account", "list", "id"], name="broadcast_by_list"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} broadcast {self.pk}: {self.status}"

    @property
    def is_remainder(self) -> bool:
        """Whether it brings the winner of a split test to who was in none of its groups."""
        return self.split_test_id is not None and not self.group_name
