"""Coupon pools and their codes."""

from datetime import date

from django.db import models
from django.db.models import Case, F, Q, Value, When

from accounts.tenancy.models import TenantForeignKey, TenantModel

# When a code expires that does not.
NEVER = date(9999, 12, 31)


class PoolKind(models.TextChoices):
    """How a pool gives out its codes."""

    UNIQUE = "unique", "Unique codes"
    STATIC = "static", "Static codes"


class CouponPool(TenantModel):
    """
    Codes of one offer, for every list of the account.

    A unique code is handed out once; a static one to everybody while its distribution
    dates last. A code that expires within `cutoff_days` of now is not handed out. An
    empty pool gives `fallback_code`, or nothing where that is "". Below `low_at` codes
    the `alert_emails` are told, once until codes are added (`alerted_at`).
    """

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=PoolKind, default=PoolKind.UNIQUE)
    merchant = models.CharField(max_length=120, blank=True, default="")
    cutoff_days = models.IntegerField(default=0)
    fallback_code = models.CharField(max_length=100, blank=True, default="")
    low_at = models.IntegerField(default=0)
    alert_emails = models.JSONField(default=list)
    alerted_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "name", name="coupon_pool_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class CouponCode(TenantModel):
    """
    One code of a pool.

    A unique code is free while `handed_at` is null, and never comes back; `enrollment_id`,
    `step_key` and `visit_number` (by value) say which visit took it. A static code is
    given out from `starts_on` to `ends_on`, both included, in the account's zone.
    """

    pool = TenantForeignKey(CouponPool, on_delete=models.CASCADE, related_name="codes")
    code = models.CharField(max_length=100)
    expires_on = models.DateField(null=True, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    handed_at = models.DateTimeField(null=True, blank=True)
    contact_id = models.BigIntegerField(null=True, blank=True)
    enrollment_id = models.BigIntegerField(null=True, blank=True)
    step_key = models.CharField(max_length=63, blank=True, default="")
    visit_number = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "pool", "code", name="coupon_code_once_per_pool"),
            models.UniqueConstraint(
                fields=["account", "enrollment_id", "step_key", "visit_number"],
                condition=Q(enrollment_id__isnull=False),
                name="coupon_once_per_visit",
            ),
        ]
        indexes = [
            models.Index(
                "account",
                "pool",
                # Under the policy an index takes a CASE for a bound, and no coalesce().
                Case(When(expires_on=None, then=Value(NEVER)), default=F("expires_on")),
                "id",
                condition=Q(handed_at__isnull=True),
                name="coupon_code_to_give",
            ),
        ]

    def __str__(self) -> str:
        return f"code {self.pk} of pool {self.pool_id}"
