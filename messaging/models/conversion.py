"""Conversions: orders ascribed to messages; figures: what came of messages, added up."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models import Order
from messaging.models.delivery import Delivery


class ConversionRule(models.TextChoices):
    """By what an order is ascribed to a message: the last click, else the last open."""

    CLICK = "click", "Clicked before the order"
    OPEN = "open", "Opened before the order"


class Conversion(TenantModel):
    """
    That an order came after a message: one message an order.

    What the delivery says of itself (`list_id` to `message_id`) is repeated, so that sums need
    no join. `receipt_id` (by value) is the receipt `converted` that rules ask for; it comes and
    goes with this row. `amount` is the order's total, `touched_at` the click's or open's time.
    """

    order = TenantForeignKey(Order, on_delete=models.CASCADE, related_name="+")
    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="conversions")
    receipt_id = models.BigIntegerField()
    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True, blank=True)
    channel = models.CharField(max_length=10)
    conversation_id = models.BigIntegerField(null=True, blank=True)
    step_key = models.CharField(max_length=63, blank=True, default="")
    message_id = models.BigIntegerField(null=True, blank=True)
    rule = models.CharField(max_length=10, choices=ConversionRule)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    touched_at = models.DateTimeField()
    ordered_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "order", name="conversion_once_per_order"),
        ]
        indexes = [
            models.Index(fields=["account", "contact_id"], name="conversion_by_contact"),
            models.Index(
                fields=["account", "conversation_id", "ordered_at"],
                name="conversion_by_conversation",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.order_id} by {self.rule} of delivery {self.delivery_id}"


class Figure(TenantModel):
    """
    How many more of a kind came of a message: a number is the sum over its rows.

    `kind` is `sent`, or a receipt's: then how many deliveries had one, not how many there were.
    Rows are only added, in the transaction of what they count, so that senders and web
    processes never wait for each other; by the clock the loose ones are folded into one that
    `is_folded`. Tests are not counted.
    """

    conversation_id = models.BigIntegerField(null=True, blank=True)
    step_key = models.CharField(max_length=63, blank=True, default="")
    message_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=20)
    number = models.IntegerField()
    amount = models.DecimalField(max_digits=16, decimal_places=2, default=0, db_default=0)
    is_folded = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "conversation_id", "step_key", "message_id", "kind"],
                condition=models.Q(is_folded=True),
                nulls_distinct=False,
                name="figure_folded_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "conversation_id", "step_key"], name="figure_by_step"),
            models.Index(fields=["account", "message_id"], name="figure_by_message"),
            models.Index(
                fields=["account", "id"],
                condition=models.Q(is_folded=False),
                name="figure_loose",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"
