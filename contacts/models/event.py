"""External events, what happened, and the queue through which the engine hears of it."""

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel, unchecked_account


class ExternalEventStatus(models.TextChoices):
    """Whether an event may be raised."""

    ACTIVE = "Active", "Active"
    BLOCKED = "Blocked", "Blocked"


class EventGroup(TenantModel):
    """A drawer for the external events of a list."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="event_groups")
    name = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "list", "name", name="event_group_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ExternalEvent(TenantModel):
    """A named kind of event that an integration, an import or a marketer raises."""

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="external_events")
    group = TenantForeignKey(
        EventGroup, on_delete=models.SET_NULL, null=True, blank=True, related_name="events"
    )
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
    # The property `sku`, for alerts on products: a jsonb look-up has no index under a policy.
    sku = models.CharField(max_length=100, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "external_event_id", "sku", "occurred_at"],
                condition=~Q(sku=""),
                name="event_by_sku",
            ),
            models.Index(
                fields=["account", "contact_id", "external_event_id", "occurred_at"],
                name="event_by_contact",
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.pk}"


class EventKey(TenantModel):
    """
    A key under which an integration raised an event, so that it is stored once.

    The same key counts as the same event for seven days; by value, since events are
    partitioned and go with their month.
    """

    account = unchecked_account()
    list_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "list_id", "key", name="event_key_once_per_list"),
        ]
        indexes = [models.Index(fields=["account", "recorded_at"], name="event_key_by_age")]

    def __str__(self) -> str:
        return f"event key {self.pk}"


class Listener(TenantModel):
    """
    Who hears of a kind of fact: a conversation, or a segment that is kept up to date.

    Written at publish, read when facts arrive. `role` says what a conversation does with
    the fact: `trigger` lets contacts in, `watch` asks those inside again (a wait for an
    event, an exit rule, a goal). `kind` is one of `contacts.actions.facts`; external
    events and product alerts name their event, `segment_entered` and `segment_left` the
    segment. `conversation_id` points upward, by value; of a segment's listener it is null.
    `within` ({months, days, seconds}; null = any) is how old an order or an interest in a
    product may be at most to be heard of: the longest that a trigger asks for.
    """

    conversation_id = models.BigIntegerField(null=True, blank=True)
    for_segment = TenantForeignKey(
        "contacts.Segment", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, default="trigger", db_default="trigger")
    kind = models.CharField(max_length=40)
    external_event = TenantForeignKey(
        ExternalEvent, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    segment = TenantForeignKey(
        "contacts.Segment", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    within = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "account",
                    "conversation_id",
                    "for_segment",
                    "role",
                    "kind",
                    "external_event",
                    "segment",
                ],
                nulls_distinct=False,
                name="listener_once",
            ),
            models.CheckConstraint(
                condition=Q(conversation_id__isnull=True) ^ Q(for_segment__isnull=True),
                name="listener_is_conversation_or_segment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "list", "kind", "external_event"], name="listener_by_kind"
            ),
            models.Index(
                fields=["account", "conversation_id"],
                condition=Q(conversation_id__isnull=False),
                name="listener_by_conversation",
            ),
            models.Index(
                fields=["account", "conversation_id"],
                condition=Q(role="alarm"),
                name="listener_of_alarms",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} on {self.kind}"


class Intake(TenantModel):
    """
    The queue of facts that a conversation hears of: one row per fact and conversation.

    Written in the fact's own transaction, taken by DELETE ... RETURNING. A fact of a
    contact without a subscription on the list has no `subscription_id`. `kind` is the
    fact's, or `wake`: those inside are asked again, and `method` is then the fact's kind.
    `step_key` names the only trigger that is meant ("" = whichever hears): of `enroll`,
    `by_hand`, `date`, and of those who were in a segment when it went live.
    """

    conversation_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    external_event_id = models.BigIntegerField(null=True, blank=True)
    segment_id = models.BigIntegerField(null=True, blank=True)
    event_id = models.BigIntegerField(null=True, blank=True)
    # By value: the fact that a contact was erased outlives the contact.
    contact_id = models.BigIntegerField()
    subscription_id = models.BigIntegerField(null=True, blank=True)
    step_key = models.CharField(max_length=63, blank=True, default="", db_default="")
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
            models.Index(
                fields=["account", "conversation_id", "recorded_at", "id"],
                condition=Q(kind="alarm"),
                name="intake_of_alarms",
            ),
            # Why somebody has not entered yet, and who is forgotten: however deep the queue is.
            models.Index(fields=["account", "contact_id"], name="intake_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for conversation {self.conversation_id}"
