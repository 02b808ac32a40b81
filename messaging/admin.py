"""What support sees of messages."""

from django.contrib import admin

from accounts.support import ReadOnlyAdmin
from messaging.models import Delivery, PhoneSubscription, Provider


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What was sent, or why not."""

    list_display = ["id", "channel", "contact_id", "state", "reason", "queued_at", "sent_at"]
    list_filter = ["channel", "state"]


@admin.register(PhoneSubscription)
class PhoneSubscriptionAdmin(ReadOnlyAdmin):
    """Consents with their evidence."""

    list_display = ["phone_e164", "phone_list_id", "state", "consent_source", "consent_at"]
    search_fields = ["=phone_e164"]


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    """Carriers, without their secrets."""

    list_display = ["channel", "kind", "paused_at", "updated_at"]
    exclude = ["secret"]
