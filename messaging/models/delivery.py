"""Deliveries: one message to one address, and what became of it."""

import zlib
from email.utils import parseaddr

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel, unchecked_account
from contacts.models import Contact
from messaging.models.message import Channel, CommittedMessage
from messaging.models.sms import PhoneList

# The steps of texts that are at no step of any conversation: what answers a keyword, what a
# marketer writes to somebody who wrote, what asks for a consent that is pending.
REPLY, ANSWER, ASK = ">reply", ">answer", ">ask"
# And of those that go to an audience: many, whatever the law lets them do.
BROADCAST = ">broadcast"
IS_URGENT = (Q(is_transactional=True) & ~Q(step_key=BROADCAST)) | Q(is_test=True)


class DeliveryState(models.TextChoices):
    """Where a delivery stands (architecture, section 6)."""

    QUEUED = "queued", "Queued"
    DEFERRED = "deferred", "Deferred"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    SKIPPED = "skipped", "Skipped"


class Delivery(TenantModel):
    """
    One message to one address: the outbox row, written by the tick that decided on it.

    `enrollment_id`, `conversation_id`, `thread` and `step_key` point upward, by value.
    Unique per enrollment, step and visit: the proof that nothing is sent twice. `address`
    is the email address or the E.164 number as it was when the step ran. Tests
    (`is_test`) have no enrollment and count in no statistics. One composite key proves
    account, list and message together: a message is sent to its own list.
    """

    account = unchecked_account(models.CASCADE)
    channel = models.CharField(max_length=10, choices=Channel)
    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="deliveries"
    )
    subscription_id = models.BigIntegerField(null=True, blank=True)
    phone_list = TenantForeignKey(
        PhoneList, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    message = TenantForeignKey(
        CommittedMessage, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    address = models.CharField(max_length=254, blank=True, default="")
    state = models.CharField(max_length=10, choices=DeliveryState)
    reason = models.CharField(max_length=200, blank=True, default="")
    conversation_id = models.BigIntegerField(null=True, blank=True)
    version_id = models.BigIntegerField(null=True, blank=True)
    enrollment_id = models.BigIntegerField(null=True, blank=True)
    # Of what broadcast it is, by value; then it has no enrollment.
    broadcast_id = models.BigIntegerField(null=True, blank=True)
    thread = models.CharField(max_length=120, blank=True, default="")
    step_key = models.CharField(max_length=63, blank=True, default="")
    visit_number = models.IntegerField(default=1)
    # The event that began the enrollment, for {{ event.* }} in the template.
    event_properties = models.JSONField(default=dict)
    is_transactional = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False)
    resend_unknown = models.BooleanField(default=False)
    # What the step says of caps and quiet hours, for when they are asked again at the claim.
    waits_for_cap = models.BooleanField(default=False, db_default=False)
    skips_quiet = models.BooleanField(default=False, db_default=False)
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=80, blank=True, default="")
    # Counted with the claim, before anything is sent: what kills its sender is given up.
    attempts = models.SmallIntegerField(default=0, db_default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    provider = models.CharField(max_length=40, blank=True, default="")
    provider_message_id = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "enrollment_id", "step_key", "visit_number"],
                condition=Q(enrollment_id__isnull=False),
                name="delivery_once_per_visit",
            ),
            # A transaction has no subscription: it may be sent as often as the shop asks.
            models.UniqueConstraint(
                fields=["account", "broadcast_id", "subscription_id"],
                condition=Q(broadcast_id__isnull=False) & ~Q(step_key=BROADCAST),
                name="delivery_once_per_broadcast",
            ),
            # Of one person two numbers may have agreed to a phone list; who is erased has none.
            models.UniqueConstraint(
                fields=["account", "broadcast_id", "address"],
                condition=Q(broadcast_id__isnull=False, step_key=BROADCAST) & ~Q(address=""),
                name="delivery_once_per_number",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in DeliveryState]),
                name="delivery_state_is_known",
            ),
        ]
        indexes = [
            # A queued row stands in one of these two: see messaging/sending/lanes.py.
            models.Index(
                fields=["account", "channel", "queued_at", "id"],
                condition=Q(state="queued") & IS_URGENT,
                name="delivery_urgent",
            ),
            models.Index(
                fields=["account", "channel", "queued_at", "id"],
                condition=Q(state="queued") & ~IS_URGENT,
                name="delivery_bulk",
            ),
            models.Index(
                fields=["account", "claimed_at"],
                condition=Q(state="sending"),
                name="delivery_in_flight",
            ),
            models.Index(
                fields=["account", "not_before"],
                condition=Q(state="deferred"),
                name="delivery_deferred",
            ),
            models.Index(fields=["account", "list", "id"], name="delivery_by_list"),
            models.Index(
                fields=["account", "conversation_id", "step_key", "state"],
                name="delivery_by_step",
            ),
            # Who got a broadcast, page by page; the engine's rows do not stand in it.
            models.Index(
                fields=["account", "broadcast_id", "id"],
                condition=Q(broadcast_id__isnull=False),
                name="delivery_by_broadcast",
            ),
            # Who got a message of a conversation, page by page; what is still to be sent does not
            # stand in it: the engine's inserts do not.
            models.Index(
                fields=["account", "message", "id"],
                condition=Q(conversation_id__isnull=False) & Q(state__in=["sent", "unknown"]),
                name="delivery_by_message",
            ),
            # Tests are counted apart: they are in no statistics.
            models.Index(
                fields=["account", "state"], condition=Q(is_test=True), name="delivery_test"
            ),
            # Caps read of a contact what waits, and what was sent since a moment.
            models.Index(
                fields=["account", "contact", "state", "sent_at"], name="delivery_by_contact"
            ),
            # Only what was handed over stands in it: the engine's inserts do not.
            models.Index(
                fields=["account", "provider_message_id"],
                condition=~Q(provider_message_id="") & ~Q(provider="sandbox"),
                name="delivery_by_provider_message",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} delivery {self.pk}: {self.state}"


class SendingTurn(TenantModel):
    """When an account was last served in each lane: the least recently served comes next."""

    served_at = models.DateTimeField(null=True, blank=True)
    urgent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("account", name="sending_turn_once")]

    def __str__(self) -> str:
        return f"turn of account {self.account_id}"


class SandboxMessage(TenantModel):
    """What the sandbox provider was given: read in the Sandbox inbox, sent to nobody."""

    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="sandbox")
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254)
    sender = models.CharField(max_length=254, blank=True, default="")
    subject = models.TextField(blank=True, default="")
    preheader = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    media_url = models.CharField(max_length=500, blank=True, default="")
    # An email's MIME, deflated: its base64 would fill the disk. `mime` inflates it.
    raw = models.BinaryField(null=True, blank=True)
    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "delivery", name="sandbox_message_once"),
        ]
        indexes = [
            models.Index(fields=["account", "channel", "address", "id"], name="sandbox_by_address"),
        ]

    def __str__(self) -> str:
        return f"sandbox {self.channel} {self.pk}"

    @property
    def sender_name(self) -> str:
        """Whom an inbox shows: the sender's name, else the address."""
        name, address = parseaddr(self.sender)
        return name or address

    @property
    def mime(self) -> bytes:
        """The email as it would have gone over the wire; empty for a text message."""
        return zlib.decompress(bytes(self.raw)) if self.raw else b""
