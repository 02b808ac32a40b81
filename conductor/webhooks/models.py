"""Endpoints, what happened, what is still to be told, and the log of the calls."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel, unchecked_account


class Kind(models.TextChoices):
    """What an endpoint may hear of."""

    SUBSCRIBED = "subscribed", "Subscribed"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    SENT = "sent", "Sent"
    OPENED = "opened", "Opened"
    CLICKED = "clicked", "Clicked"
    BOUNCED = "bounced", "Bounced"
    COMPLAINED = "complained", "Marked as spam"
    CONVERTED = "converted", "Converted"
    ENTERED = "entered", "Entered a conversation"
    ENDED = "ended", "Left a conversation"


class Format(models.TextChoices):
    """How what happened is written."""

    CONDUCTOR = "conductor", "Conductor"
    SEGMENT = "segment", "Segment"


class Endpoint(TenantModel):
    """
    An address that hears of `kinds` (of `lists` by id; empty: of all).

    `sealed_secret` signs, `sealed_authorization` is the header of that name ("" = none); both
    are encrypted. An `is_source` belongs to Integrations > Segment > Source; `options` is
    {user_id_fields: {list id: id of the profile field that is Segment's userId}, backfill: ...}.
    """

    name = models.CharField(max_length=120)
    url = models.CharField(max_length=2000)
    kinds = models.JSONField(default=list)
    lists = models.JSONField(default=list)
    format = models.CharField(max_length=20, choices=Format, default=Format.CONDUCTOR)
    batch_size = models.SmallIntegerField(default=100)
    options = models.JSONField(default=dict)
    sealed_secret = models.TextField()
    sealed_authorization = models.TextField(blank=True, default="")
    is_source = models.BooleanField(default=False)
    is_paused = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Happening(TenantModel):
    """
    One thing that happened and that an endpoint listens to; its id is the cursor.

    Everything is named by value: the fact outlives what it is about. `detail`: {method},
    {reason}, or what the receipt holds ({url}, {code}, {order_number, total}). A consent to a
    phone list has {phone_list_id, phone_id} besides, and the short code's list as `list_id`.
    """

    account = unchecked_account()
    kind = models.CharField(max_length=20)
    list_id = models.BigIntegerField(null=True, blank=True)
    contact_id = models.BigIntegerField(null=True, blank=True)
    delivery_id = models.BigIntegerField(null=True, blank=True)
    enrollment_id = models.BigIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["account", "recorded_at"], name="happening_by_age"),
            models.Index(fields=["account", "contact_id"], name="happening_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Pending(TenantModel):
    """
    What an endpoint is still to be told.

    By value: a fact must not fail because an endpoint is deleted at that moment.
    """

    account = unchecked_account()
    endpoint_id = models.BigIntegerField()
    happening_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "endpoint_id", "happening_id", name="pending_once"),
        ]

    def __str__(self) -> str:
        return f"happening {self.happening_id} for endpoint {self.endpoint_id}"


class Reading(TenantModel):
    """
    How far who entered and ended has been read, in an account where an endpoint listens.

    Ids are handed out before they are committed: `enrollment_id` and `visit_id` are read up to
    here, `next_*` were the last ids handed out when `next_xid` was the next transaction's. Once
    none older is under way, nothing can be missing up to there.
    """

    enrollment_id = models.BigIntegerField()
    visit_id = models.BigIntegerField()
    next_enrollment_id = models.BigIntegerField()
    next_visit_id = models.BigIntegerField()
    next_xid = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint("account", name="webhook_reading_once")]

    def __str__(self) -> str:
        return f"read up to visit {self.visit_id}"


class CallState(models.TextChoices):
    """Where a call stands."""

    QUEUED = "queued", "Tried again"
    CALLING = "calling", "Calling"
    DONE = "done", "Delivered"
    FAILED = "failed", "Failed"


class Call(TenantModel):
    """
    One batch for one endpoint, with its attempts and the last answer: a line of the log.

    `happenings` are ids in order, the same for every attempt. `status` is null without an
    answer, and then `error` says why; `response` is how the answer's body begins.
    """

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="calls")
    happenings = models.JSONField()
    state = models.CharField(max_length=10, choices=CallState)
    attempts = models.SmallIntegerField(default=1)
    next_at = models.DateTimeField()
    claimed_at = models.DateTimeField()
    retry_until = models.DateTimeField()
    status = models.SmallIntegerField(null=True, blank=True)
    milliseconds = models.IntegerField(null=True, blank=True)
    response = models.TextField(blank=True, default="")
    error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "endpoint", "next_at"],
                condition=models.Q(state__in=["queued", "calling"]),
                name="webhook_call_to_make",
            ),
            models.Index(
                fields=["account", "ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="webhook_call_ended",
            ),
            models.Index(fields=["account", "endpoint", "id"], name="webhook_call_by_endpoint"),
        ]

    def __str__(self) -> str:
        return f"call {self.pk}: {self.state}"
