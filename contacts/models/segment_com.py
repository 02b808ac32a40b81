"""Segment (the platform, segment.com): what it may write into profiles here."""

from django.db import models

from accounts.models import ApiClient, List
from accounts.tenancy.models import TenantForeignKey, TenantModel


class SegmentEventType(models.TextChoices):
    """The calls of Segment that a mapping reads."""

    TRACK = "track", "Track"
    IDENTIFY = "identify", "Identify"


class SegmentInlet(TenantModel):
    """
    Where an account takes Segment's calls: one an account, with its counts of items.

    `client` holds the write key, as a hash; without one nothing is taken. `hint` is the key's
    end. Counts are of items: taken, skipped (not Subscribed), refused, and of no mapping.
    """

    client = TenantForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, related_name="+")
    hint = models.CharField(max_length=8, blank=True, default="")
    key_made_at = models.DateTimeField(null=True, blank=True)
    taken = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    unmapped = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)
    last_refusal = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint("account", name="segment_inlet_once")]

    def __str__(self) -> str:
        return f"inlet of account {self.account_id}"


class SegmentMapping(TenantModel):
    """
    Which calls of Segment write what into which profile fields of a list.

    Conditions that are "" always hold. `values` maps the id of a profile field (as text) to
    a literal, to `useAudienceKey`, or to a trait's name: see `contacts.actions.segment_calls`.
    A deleted mapping is kept for a while, so that it can be put back.
    """

    name = models.CharField(max_length=100)
    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="+")
    event_type = models.CharField(max_length=10, choices=SegmentEventType)
    event_name = models.CharField(max_length=200, blank=True, default="")
    audience_key = models.CharField(max_length=200, blank=True, default="")
    computation_key = models.CharField(max_length=200, blank=True, default="")
    email_path = models.CharField(max_length=200, blank=True, default="")
    values = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    taken = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
