"""Where every contact is: enrollments, the visits behind them, the refusals."""

from django.db import models
from django.db.models import Q

from accounts.tenancy.models import TenantForeignKey, TenantModel, unchecked_account
from conductor.conversations.models.conversation import Conversation, Version


class Enrollment(TenantModel):
    """
    A contact's place in a version. The timer is this row: `due_at`.

    The visit under way is here (step_key, visit_number, arrived_at, due_at); the visits
    behind it are rows of Visit. `due_at` null while not ended: held, or waiting for a fact.
    `visit_counts` counts arrivals per step, for steps on a cycle only: {step key: n}.
    One composite key proves account, conversation and version together.
    """

    account = unchecked_account(models.CASCADE)
    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    version = TenantForeignKey(Version, on_delete=models.CASCADE, related_name="+")
    list_id = models.BigIntegerField()
    subscription_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    entry_number = models.IntegerField()
    # How it began: the rule `entry` and the templates' {{ event.* }} read it.
    entry_kind = models.CharField(max_length=40)
    entry_external_event_id = models.BigIntegerField(null=True, blank=True)
    entry_event_id = models.BigIntegerField(null=True, blank=True)
    entry_thread = models.CharField(max_length=120)
    entry_method = models.CharField(max_length=40, blank=True, default="")
    entry_properties = models.JSONField(default=dict)
    depth = models.SmallIntegerField(default=0)
    entered_at = models.DateTimeField()
    step_key = models.CharField(max_length=63)
    visit_number = models.IntegerField(default=1)
    visit_counts = models.JSONField(default=dict)
    arrived_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=200, blank=True, default="")
    # What is decided, for the next tick: by hand "!end", or the exit to leave by; "!gone" for
    # a contact that was erased.
    told = models.CharField(max_length=120, blank=True, default="", db_default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation", "subscription_id", "entry_number"],
                name="enrollment_entry_number_once",
            ),
            models.UniqueConstraint(
                fields=["account", "conversation", "subscription_id"],
                condition=Q(ended_at__isnull=True),
                name="enrollment_active_once_per_conversation",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "conversation", "due_at"],
                condition=Q(ended_at__isnull=True, due_at__isnull=False),
                name="enrollment_due",
            ),
            models.Index(
                fields=["account", "conversation", "step_key"],
                condition=Q(ended_at__isnull=True),
                name="enrollment_waiting",
            ),
            models.Index(fields=["account", "contact_id"], name="enrollment_by_contact"),
            # The few that a fault holds: a page asks for them among a million who wait.
            models.Index(
                fields=["account", "conversation", "arrived_at", "id"],
                condition=Q(ended_at__isnull=True) & ~Q(held_reason=""),
                name="enrollment_held",
            ),
        ]

    def __str__(self) -> str:
        return f"enrollment {self.pk} at {self.step_key}"


class Visit(TenantModel):
    """One stay at one step, written when it is over; append-only, by month of leaving."""

    id = models.BigAutoField(primary_key=True)
    account = unchecked_account()
    enrollment_id = models.BigIntegerField()
    conversation_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    step_key = models.CharField(max_length=63)
    visit_number = models.IntegerField()
    arrived_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField()
    # The exit's name; of a visit that ended the enrollment, "end".
    exit = models.CharField(max_length=120)
    # "by hand" where somebody decided that it is left, not the step. Null costs a row nothing.
    reason = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001

    class Meta:
        indexes = [
            models.Index(fields=["account", "enrollment_id"], name="visit_by_enrollment"),
        ]

    def __str__(self) -> str:
        return f"visit {self.pk} at {self.step_key}"


class Flow(TenantModel):
    """
    Visits that ended, counted: one row a tick writes for each exit that was taken.

    Written with the visits, in their statement: the sum is exact at every moment, nobody
    waits for anybody's row, and a million visits are read as a few hundred rows. Every
    256th tick makes one row of an exit's. Visits that retention drops stay counted. At no step
    ("") by `goal` stand those who reached one, wherever they then were.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    version_id = models.BigIntegerField()
    step_key = models.CharField(max_length=63)
    exit = models.CharField(max_length=120)
    visits = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["account", "conversation"], name="flow_by_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.visits} left {self.step_key} by {self.exit}"


class Refusal(TenantModel):
    """A fact that a trigger heard and that entered nobody, with its reason."""

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    contact_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    event_id = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=60)
    refused_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "conversation", "contact_id"], name="refusal_by_contact"
            ),
        ]

    def __str__(self) -> str:
        return f"refusal {self.pk}: {self.reason}"


class Alarm(TenantModel):
    """
    When a yearly date trigger next lets a subscription in: the timer is this row.

    `local_date` is the date that it is for, in the trigger's zone: an alarm that is found
    later than that day is counted and passed over.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    step_key = models.CharField(max_length=63)
    subscription_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    local_date = models.DateField()
    due_at = models.DateTimeField()
    # The day on which it rang last: a change that comes late rings no second time that day.
    rung_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation", "step_key", "subscription_id"],
                name="alarm_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "conversation", "due_at"], name="alarm_due"),
            models.Index(fields=["account", "contact_id"], name="alarm_by_contact"),
        ]

    def __str__(self) -> str:
        return f"alarm of subscription {self.subscription_id} at {self.due_at}"


class Tally(TenantModel):
    """
    What is only counted, per conversation and step ("" = what no step asks: goal, exit rule, re-entry).

    `zone fallback`: a contact without a valid zone was given the account's; `date missed`:
    an alarm that came on a later day; `webhook failed`, `code failed` and `no coupon code`,
    each with why.
    """

    conversation = TenantForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    step_key = models.CharField(max_length=63, blank=True, default="")
    name = models.CharField(max_length=120)
    total = models.BigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation", "step_key", "name"], name="tally_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.total}"


class CallState(models.TextChoices):
    """Where a webhook call stands."""

    QUEUED = "queued", "Queued"
    CALLING = "calling", "Calling"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Call(TenantModel):
    """
    One webhook step's request for one visit, with its attempts and its outcome.

    Written by the tick, made by a caller outside any transaction; the outcome is written
    here and the enrollment's timer set, in one transaction. The request is filled in when
    it is made; `outcome` is {status, values: {profile field id: value}, error}.
    """

    enrollment_id = models.BigIntegerField()
    conversation_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    step_key = models.CharField(max_length=63)
    visit_number = models.IntegerField()
    state = models.CharField(max_length=10, choices=CallState, default=CallState.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "enrollment_id", "step_key", "visit_number"],
                name="call_once_per_visit",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "next_at"],
                condition=Q(state__in=["queued", "calling"]),
                name="call_to_make",
            ),
            models.Index(
                fields=["account", "version_id", "step_key", "next_at"],
                condition=Q(state__in=["queued", "calling"]),
                name="call_by_step",
            ),
            models.Index(
                fields=["account", "ended_at"],
                condition=Q(ended_at__isnull=False),
                name="call_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"call {self.pk}: {self.state}"


class Turn(TenantModel):
    """Whose turn it is: the row a worker locks to run an account's tick."""

    served_at = models.DateTimeField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    # Since the account is there: what /metrics says of it; steps of test runs are none.
    ticks = models.BigIntegerField(default=0, db_default=0)
    steps = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint("account", name="turn_once_per_account")]

    def __str__(self) -> str:
        return f"turn of account {self.account_id}"


class Trace(TenantModel):
    """
    Where an account's watched tick was when its worker died; see conductor.engine.watch.

    There is none while all goes well.
    """

    found = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint("account", name="trace_once_per_account")]

    def __str__(self) -> str:
        return f"trace of account {self.account_id}"
