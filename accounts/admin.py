"""What support sees of accounts."""

from django.contrib import admin

from accounts.models import Account, ApiClient, AuditEntry, List, Membership
from accounts.support import ReadOnlyAdmin


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """The chosen account."""

    list_display = ["name", "slug", "time_zone", "created_at"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who may do what."""

    list_display = ["user", "role", "created_at"]
    list_select_related = ["user"]


@admin.register(ApiClient)
class ApiClientAdmin(ReadOnlyAdmin):
    """Integrations, without their secrets."""

    list_display = ["name", "client_id", "types", "paused_at", "last_used_at"]
    exclude = ["secret_hash"]


@admin.register(List)
class ListAdmin(ReadOnlyAdmin):
    """Lists."""

    list_display = ["id", "name", "from_email", "created_at"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ["at", "by_user", "by_client", "verb", "noun", "object_id"]
    list_select_related = ["by_user", "by_client"]
    date_hierarchy = None
