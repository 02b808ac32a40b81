"""Reviews of products and their ratings, as review providers tell of them."""

from django.db import models

from accounts.tenancy.models import TenantModel


class Review(TenantModel):
    """One review of a product; `provider` and `provider_review_id` are its key."""

    provider = models.CharField(max_length=50)
    provider_review_id = models.CharField(max_length=100)
    provider_product_id = models.CharField(max_length=100)
    title = models.CharField(max_length=500)
    text = models.TextField(blank=True, default="")
    featured = models.BooleanField(default=False)
    recommended = models.BooleanField(default=False)
    reviewer_name = models.CharField(max_length=500, blank=True, default="")
    reviewer_email = models.CharField(max_length=100, blank=True, default="")
    reviewer_location = models.CharField(max_length=500, blank=True, default="")
    feedback_count = models.IntegerField(null=True, blank=True)
    feedback_positive_count = models.IntegerField(null=True, blank=True)
    feedback_negative_count = models.IntegerField(null=True, blank=True)
    # [{id, type, display_type, value, min, max}], in the order of their ids.
    ratings = models.JSONField(default=list)
    submitted_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account", "provider", "provider_review_id", name="review_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "provider", "provider_product_id"], name="review_by_product"
            ),
        ]

    def __str__(self) -> str:
        return f"review {self.provider_review_id} of {self.provider}"


class RatingSummary(TenantModel):
    """How a product is rated as a whole, by one measure of its provider."""

    provider = models.CharField(max_length=50, blank=True, default="")
    provider_product_id = models.CharField(max_length=100, blank=True, default="")
    summary_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=100, blank=True, default="")
    display_kind = models.CharField(max_length=50, blank=True, default="")
    rating = models.DecimalField(max_digits=14, decimal_places=4)
    least = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    most = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    number = models.IntegerField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "account",
                "provider",
                "provider_product_id",
                "summary_id",
                name="rating_summary_once",
            ),
        ]

    def __str__(self) -> str:
        return f"rating summary {self.summary_id} of {self.provider}"
