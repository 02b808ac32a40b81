"""Orders, their items, and products."""

from django.db import models

from accounts.tenancy.models import TenantForeignKey, TenantModel
from contacts.models.contact import Contact


class OrderStatus(models.TextChoices):
    """The vendor's order states."""

    NOT_SET = "NotSet", "Not set"
    MISC = "Misc", "Misc"
    PRE_ORDER = "PreOrder", "Pre-order"
    BACK_ORDER = "BackOrder", "Back-order"
    PENDING = "Pending", "Pending"
    HOLD = "Hold", "Hold"
    PROCESSING = "Processing", "Processing"
    SHIPPED = "Shipped", "Shipped"
    COMPLETED = "Completed", "Completed"
    RETURNED = "Returned", "Returned"
    CANCELED = "Canceled", "Canceled"
    UNKNOWN = "Unknown", "Unknown"
    CLOSED = "Closed", "Closed"


class Order(TenantModel):
    """
    One order of a contact, whatever list it came through; `order_number` is its key.

    Once its contact is erased it has none: its figures stay.
    """

    contact = TenantForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, blank=True, related_name="orders"
    )
    order_number = models.CharField(max_length=50)
    status = models.CharField(max_length=20, choices=OrderStatus, default=OrderStatus.NOT_SET)
    ordered_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True, blank=True)
    total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    item_total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    tax_total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    shipping_total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    handling_total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    discount_total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    coupon_code = models.CharField(max_length=32, blank=True, default="")
    source = models.CharField(max_length=25, blank=True, default="")
    store_number = models.CharField(max_length=100, blank=True, default="")
    # What the wire brings and no rule asks for: addresses, meta1..5, tracking number ...
    extra = models.JSONField(default=dict)
    recorded_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "order_number", name="order_number_once"),
        ]
        indexes = [
            models.Index(
                fields=["account", "contact", "ordered_at"], name="order_by_contact_and_date"
            ),
            models.Index(
                fields=["account", "ordered_at"], include=["contact"], name="order_by_date"
            ),
        ]

    def __str__(self) -> str:
        return self.order_number


class OrderItem(TenantModel):
    """One line of an order."""

    order = TenantForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    position = models.IntegerField(default=0)
    sku = models.CharField(max_length=100)
    quantity = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    total = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    status = models.CharField(max_length=20, choices=OrderStatus, default=OrderStatus.NOT_SET)
    extra = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["account", "sku"], name="order_item_by_sku")]

    def __str__(self) -> str:
        return self.sku


class OrderFact(TenantModel):
    """
    That an order first had a status: written once for each, by whatever way it came.

    `contact_id` is whose the order was then.
    """

    order = TenantForeignKey(Order, on_delete=models.CASCADE, related_name="facts")
    contact_id = models.BigIntegerField()
    order_number = models.CharField(max_length=50)
    status = models.CharField(max_length=20, choices=OrderStatus)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "order", "status", name="order_fact_once"),
        ]
        indexes = [
            models.Index(
                fields=["account", "contact_id", "recorded_at"], name="order_fact_by_contact"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_number} {self.status}"


class Product(TenantModel):
    """What is sold; purchase rules read its category and brand, alerts its price and stock."""

    sku = models.CharField(max_length=100)
    title = models.CharField(max_length=500, blank=True, default="")
    category = models.CharField(max_length=50, blank=True, default="")
    brand = models.CharField(max_length=50, blank=True, default="")
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    sale_price = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    # The wire's `qoh`; null is not told. `in_stock` is told, or follows from it.
    quantity = models.IntegerField(null=True, blank=True)
    in_stock = models.BooleanField(null=True, blank=True)
    # What the wire brings and no rule asks for: title aside, images, links, meta1..5 ...
    extra = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "sku", name="product_sku_once")]

    def __str__(self) -> str:
        return self.sku
