"""External events, what happened, and the queue through which the engine hears of it."""

from django.db import models

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel, unchecked_account
from contacts.models.contact import Contact


class ExternalEventStatus(models.TextChoices):
    """Whether an event may be raised."""

    ACTIVE = "Active", "Active"
    BLOCKED = "Blocked", "Blocked"


class ExternalEvent(TenantModel):
    """A named kind of event that an integration, an import or a marketer raises."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="external_events")
    name = models.CharField(max_length=100)
    status = models.CharField(
        max_length=20, choices=ExternalEventStatus, default=ExternalEventStatus.ACTIVE
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "list", "name", name="event_name_once_per_list"),
        ]

    def __str__(self) -> str:
        return self.name


class Event(TenantModel):
    """
    One thing that happened to a contact; append-only, partitioned by month.

    `occurred_at` is the fact's time, `recorded_at` ours: a fact counts from the later.
    """

    id = models.BigAutoField(primary_key=True)
    account = unchecked_account()
    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    external_event_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    source = models.CharField(max_length=20)  # api, import, page, action
    properties = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "contact_id", "external_event_id", "occurred_at"],
                name="event_by_contact",
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"


class Listener(TenantModel):
    """
    What a live conversation listens to; written at publish, read when facts arrive.

    `kind` is `external_event` (then `external_event_id` names it), `subscribed`,
    `resubscribed`, `profile_updated`, `import` ... `conversation_id` points upward, by
    value.
    """

    conversation_id = models.BigIntegerField()
    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    external_event = TenantForeignKey(
        ExternalEvent, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation_id", "kind", "external_event"],
                nulls_distinct=False,
                name="listener_once_per_conversation",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "list", "kind", "external_event"], name="listener_by_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for conversation {self.conversation_id}"


class Intake(TenantModel):
    """
    The queue of facts that a live trigger listens to: one row per fact and conversation.

    Written in the fact's own transaction, taken by DELETE ... RETURNING. A fact of a
    contact without a subscription on the list has no `subscription_id`.
    """

    conversation_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    external_event_id = models.BigIntegerField(null=True, blank=True)
    event_id = models.BigIntegerField(null=True, blank=True)
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    subscription_id = models.BigIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    method = models.CharField(max_length=40, blank=True, default="")
    properties = models.JSONField(default=dict)
    depth = models.SmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "conversation_id", "recorded_at", "id"], name="intake_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for conversation {self.conversation_id}"
