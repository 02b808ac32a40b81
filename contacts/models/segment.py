"""Segments: saved filters, or hand-kept sets of a list's contacts."""

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models.contact import Contact, Subscription


class SegmentKind(models.TextChoices):
    """What decides who is in it."""

    RULE = "rule", "Rule"
    MANUAL = "manual", "By hand"


class Segment(TenantModel):
    """
    A named set of a list's subscriptions: a saved rule (as files write it), or kept by hand.

    The members of a rule segment are written down, and kept, only while `tracked_at` is
    set: while a live conversation starts when somebody enters or leaves it. Elsewhere the
    rule itself is asked. The members of a manual one are its `SegmentMember` rows.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=SegmentKind, default=SegmentKind.RULE)
    rule = models.JSONField(default=dict)
    # The rule with ids for names, so that it outlives their renaming; null = not yet.
    resolved = models.JSONField(null=True, blank=True)
    # Counts changes of the rule: members written down under an older one are asked anew.
    revision = models.IntegerField(default=1)
    tracked_at = models.DateTimeField(null=True, blank=True)
    # How many were in it when somebody last asked.
    member_count = models.BigIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "list", "name", name="segment_name_once_per_list"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(TenantModel):
    """
    How a subscription stood with a segment when it was last asked.

    `recheck_at` is the first instant at which the clock alone may change the answer
    (null = never). Who is not in it and has no such instant needs no row.
    """

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="members")
    subscription = TenantForeignKey(Subscription, on_delete=models.CASCADE, related_name="+")
    is_member = models.BooleanField(default=True)
    since = models.DateTimeField()
    recheck_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "segment", "subscription"], name="segment_member_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "recheck_at"],
                condition=Q(recheck_at__isnull=False),
                name="segment_member_to_recheck",
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.subscription_id} in segment {self.segment_id}"


class SegmentTouch(TenantModel):
    """
    A fact about a contact that may have moved it into or out of a tracked segment.

    Without a contact it is about everybody: the rule changed, or the segment is tracked
    since just now. It is taken once all transactions have ended that were under way when
    it was first seen (`seen_at`): they may have passed the segment by; and `job` says how
    far it has come (see contacts.segments.jobs).
    """

    segment = TenantForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    seen_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField()
    depth = models.SmallIntegerField(default=0)
    job = models.JSONField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "recorded_at", "id"], name="segment_touch_in_order"),
            models.Index(
                fields=["account", "id"],
                condition=Q(contact__isnull=True),
                name="segment_touch_of_everybody",
            ),
        ]

    def __str__(self) -> str:
        return f"contact {self.contact_id} touched segment {self.segment_id}"
