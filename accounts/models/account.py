"""Accounts, the users in them, and what they did."""

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel


class UserManager(BaseUserManager["User"]):
    """Creates users by email address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; the address is kept in lower case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a member of the support staff."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in; what they may do stands in their memberships."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True, default="")
    is_active = models.BooleanField(default=True)
    # Support staff reach the admin; it gives no right in any account by itself.
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email


class Account(models.Model):
    """A tenant: a retailer with its lists, people and conversations."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=64, default="America/New_York")
    postal_address = models.TextField(blank=True, default="")
    # How long after a click or an open an order is ascribed to the message; 0 is never.
    click_days = models.PositiveSmallIntegerField(default=5, db_default=5)
    open_days = models.PositiveSmallIntegerField(default=1, db_default=1)
    # Pulse and workers pass benchmark accounts over: `manage.py benchmark` moves them.
    is_benchmark = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The account's IANA zone."""
        return ZoneInfo(self.time_zone)


class Role(models.TextChoices):
    """What a member may do; see `accounts.permissions`."""

    OWNER = "owner", "Owner"
    MARKETER = "marketer", "Marketer"
    VIEWER = "viewer", "Viewer"


class Membership(TenantModel):
    """A user's role in an account."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=20, choices=Role)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "user", name="membership_once_per_user_and_account"),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]),
                name="membership_role_is_known",
            ),
        ]
        indexes = [models.Index(fields=["user", "account"], name="membership_by_user")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class AuditEntry(TenantModel):
    """Who did what to which thing, and when; written in the act's own transaction."""

    at = models.DateTimeField()
    by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_client = TenantForeignKey(
        "accounts.ApiClient", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    verb = models.CharField(max_length=60)
    noun = models.CharField(max_length=60)
    object_id = models.BigIntegerField(null=True, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["account", "at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.verb} {self.noun} {self.object_id}"
