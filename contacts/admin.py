"""What support sees of people and what happened to them."""

from django.contrib import admin

from accounts.support import ReadOnlyAdmin
from contacts.models import Contact, Event, Import, Order, Subscription


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    """People; found by the exact address, number or id, which an index serves."""

    list_display = ["id", "email", "phone_e164", "external_id", "time_zone", "created_at"]
    search_fields = ["=email_norm", "=phone_e164", "=external_id"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """How people stand with lists."""

    list_display = ["id", "contact_id", "list_id", "state", "subscribed_at", "unsubscribed_at"]


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders."""

    list_display = ["order_number", "contact_id", "status", "ordered_at", "total"]
    search_fields = ["=order_number"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened."""

    list_display = ["id", "contact_id", "external_event_id", "occurred_at", "recorded_at", "source"]


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    """Imports."""

    list_display = ["id", "kind", "file_name", "status", "created_at", "ended_at"]
