"""Tickets: a number's texts are answered by somebody in another system."""

from django.db import models
from django.db.models import Q

from accounts.tenancy.models import TenantForeignKey, TenantModel
from messaging.models.sms import PhoneSubscription


class Ticket(TenantModel):
    """
    That a help desk has taken over the talk with a number, until `closed_at`.

    The wire's phoneId is the number's consent to a phone list: it says by which short code
    the talk is held.
    """

    phone_subscription = TenantForeignKey(
        PhoneSubscription, on_delete=models.CASCADE, related_name="tickets"
    )
    integration = models.CharField(max_length=20)
    external_id = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "phone_subscription", "integration"],
                condition=Q(closed_at__isnull=True),
                name="ticket_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"ticket {self.pk}"
