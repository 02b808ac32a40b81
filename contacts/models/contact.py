"""Contacts, and how each stands with a list."""

from django.db import models
from django.db.models import Q

from accounts.models import List
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Contact(TenantModel):
    """
    A person in an account.

    Found by `email_norm`, without an email by `external_id`, without both by
    `phone_e164`; each names one contact at most. Empty is "", never null.

    `extra` is what the data API says of a customer beside these columns, under the wire's
    names. `profile` holds values of profile fields, as a subscription's does, of lists that
    the contact is not on: those that came with its number.
    """

    email = models.CharField(max_length=254, blank=True, default="")  # as it was typed
    email_norm = models.CharField(max_length=254, blank=True, default="")
    phone_e164 = models.CharField(max_length=16, blank=True, default="")
    external_id = models.CharField(max_length=100, blank=True, default="")
    first_name = models.CharField(max_length=100, blank=True, default="")
    last_name = models.CharField(max_length=100, blank=True, default="")
    birthday = models.DateField(null=True, blank=True)
    postal_code = models.CharField(max_length=20, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    locale = models.CharField(max_length=20, blank=True, default="")
    extra = models.JSONField(default=dict, db_default={})
    profile = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "email_norm"],
                condition=~Q(email_norm=""),
                name="contact_email_once_per_account",
            ),
            models.UniqueConstraint(
                fields=["account", "external_id"],
                condition=~Q(external_id=""),
                name="contact_external_id_once_per_account",
            ),
            models.UniqueConstraint(
                fields=["account", "phone_e164"],
                condition=~Q(phone_e164=""),
                name="contact_phone_once_per_account",
            ),
        ]

    def __str__(self) -> str:
        return f"contact {self.pk}"


class SubscriptionState(models.TextChoices):
    """How a contact stands with a list."""

    SUBSCRIBED = "Subscribed", "Subscribed"
    UNSUBSCRIBED = "Unsubscribed", "Unsubscribed"
    PENDING = "Pending", "Pending"


class Subscription(TenantModel):
    """
    A contact on a list: state, dates, methods and profile (the API's `Contact`).

    `profile` maps a profile field's id (as text) to its value: text, number, "on"/"off"
    for a check box, an ISO date (YYYY-MM-DD) for a date. An empty value has no key.
    `subscribed_at` is the first time the address was Subscribed here and never changes.
    """

    list = TenantForeignKey(List, on_delete=models.CASCADE, related_name="subscriptions")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="subscriptions")
    state = models.CharField(
        max_length=20, choices=SubscriptionState, default=SubscriptionState.SUBSCRIBED
    )
    email_key = models.CharField(max_length=26)
    external_contact_id = models.CharField(max_length=100, blank=True, default="")
    profile = models.JSONField(default=dict)
    subscribed_at = models.DateTimeField(null=True, blank=True)
    resubscribed_at = models.DateTimeField(null=True, blank=True)
    subscribe_method = models.CharField(max_length=40, blank=True, default="")
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    unsubscribe_method = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "list", "contact", name="subscription_once_per_list_and_contact"
            ),
            models.UniqueConstraint(
                "account", "list", "email_key", name="subscription_email_key_once_per_list"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "list", "external_contact_id"],
                condition=~Q(external_contact_id=""),
                name="subscription_by_external_id",
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk}"
