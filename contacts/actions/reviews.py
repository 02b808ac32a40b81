"""Reviews of products and their ratings, many at once; the same again changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from accounts.actions import InvalidValueError
from accounts.tenancy import sql
from contacts.actions.customers import Outcome, Remark
from contacts.models import RatingSummary, Review

LENGTHS = {
    "provider": 50,
    "provider_review_id": 100,
    "provider_product_id": 100,
    "title": 500,
    "reviewer_name": 500,
    "reviewer_email": 100,
    "reviewer_location": 500,
}
MOST_NUMBER = Decimal(9999999999)


REMOVE_REVIEWS = """
    DELETE FROM contacts_review AS review
    USING unnest(%(providers)s::text[], %(reviews)s::text[]) AS gone (provider, review)
    WHERE review.provider = gone.provider AND review.provider_review_id = gone.review
"""
REMOVE_SUMMARIES = """
    DELETE FROM contacts_ratingsummary AS summary
    USING unnest(%(providers)s::text[], %(products)s::text[], %(measures)s::text[])
        AS gone (provider, product, measure)
    WHERE summary.provider = gone.provider AND summary.provider_product_id = gone.product
        AND summary.summary_id = gone.measure
"""


@dataclass(frozen=True)
class NewReview:
    """A review as its provider tells of it; `deleted` takes it back."""

    provider: str
    provider_review_id: str
    provider_product_id: str
    title: str = ""
    text: str = ""
    featured: bool = False
    recommended: bool = False
    reviewer_name: str = ""
    reviewer_email: str = ""
    reviewer_location: str = ""
    feedback_count: int | None = None
    feedback_positive_count: int | None = None
    feedback_negative_count: int | None = None
    ratings: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    submitted_at: datetime | None = None
    reviewed_at: datetime | None = None
    deleted: bool = False


@dataclass(frozen=True)
class NewSummary:
    """One measure by which a product is rated; `deleted` takes it back."""

    provider: str
    provider_product_id: str
    summary_id: str
    rating: Decimal
    least: Decimal | None = None
    most: Decimal | None = None
    number: int | None = None
    kind: str = ""
    display_kind: str = ""
    deleted: bool = False


def save_reviews(*, reviews: Sequence[NewReview], now: datetime) -> Outcome:
    """Create or replace reviews; of two with one key the last counts. Two statements."""
    outcome = Outcome()
    kept: dict[tuple[str, str], Review] = {}
    gone: dict[tuple[str, str], None] = {}
    for index, given in enumerate(reviews):
        try:
            row = _review(given, now)
        except InvalidValueError as bad:
            outcome.rejects.append(Remark(index, bad.field, bad.message))
            continue
        key = (row.provider, row.provider_review_id)
        kept.pop(key, None)
        gone.pop(key, None)
        if given.deleted:
            gone[key] = None
        else:
            kept[key] = row
    updated = [name for name in LENGTHS if name not in {"provider", "provider_review_id"}]
    Review.objects.bulk_create(
        kept.values(),
        update_conflicts=True,
        unique_fields=["account", "provider", "provider_review_id"],
        update_fields=[*updated, *OTHERS],
    )
    if gone:
        providers, numbers = (list(column) for column in zip(*gone, strict=True))
        sql.execute(REMOVE_REVIEWS, providers=providers, reviews=numbers)
    outcome.updated = len(kept) + len(gone)
    return outcome


OTHERS = (
    *("text", "featured", "recommended", "feedback_count", "feedback_positive_count"),
    *("feedback_negative_count", "ratings", "submitted_at", "reviewed_at", "updated_at"),
)


def _review(given: NewReview, now: datetime) -> Review:
    """
    Return a review fit to be stored; texts are cut to what is kept.

    :raises InvalidValueError: for one without provider, ids or title.
    """
    for name, called in (
        ("provider", "provider"),
        ("provider_review_id", "providerReviewID"),
        ("provider_product_id", "providerProductID"),
        ("title", "title"),
    ):
        if not getattr(given, name).strip() and not (given.deleted and name == "title"):
            raise InvalidValueError(called, f"{called} is missing.")
    texts = {name: getattr(given, name).strip()[:most] for name, most in LENGTHS.items()}
    return Review(
        **texts,
        text=given.text,
        featured=given.featured,
        recommended=given.recommended,
        feedback_count=given.feedback_count,
        feedback_positive_count=given.feedback_positive_count,
        feedback_negative_count=given.feedback_negative_count,
        ratings=sorted(given.ratings, key=lambda rating: str(rating["id"])),
        submitted_at=given.submitted_at,
        reviewed_at=given.reviewed_at,
        updated_at=now,
    )


def save_summaries(*, summaries: Sequence[NewSummary], now: datetime) -> Outcome:
    """Create or replace measures; of two with one key the last counts. Two statements."""
    kept: dict[tuple[str, str, str], RatingSummary] = {}
    gone: dict[tuple[str, str, str], None] = {}
    for given in summaries:
        key = (given.provider[:50], given.provider_product_id[:100], given.summary_id[:100])
        kept.pop(key, None)
        gone.pop(key, None)
        if given.deleted:
            gone[key] = None
            continue
        kept[key] = RatingSummary(
            provider=key[0],
            provider_product_id=key[1],
            summary_id=key[2],
            kind=given.kind[:100],
            display_kind=given.display_kind[:50],
            rating=given.rating,
            least=given.least,
            most=given.most,
            number=given.number,
            updated_at=now,
        )
    RatingSummary.objects.bulk_create(
        kept.values(),
        update_conflicts=True,
        unique_fields=["account", "provider", "provider_product_id", "summary_id"],
        update_fields=["kind", "display_kind", "rating", "least", "most", "number", "updated_at"],
    )
    if gone:
        providers, products, measures = (list(column) for column in zip(*gone, strict=True))
        sql.execute(REMOVE_SUMMARIES, providers=providers, products=products, measures=measures)
    return Outcome(updated=len(kept) + len(gone))


def read_number(name: str, text: str) -> Decimal | None:
    """
    Return a number of a rating; None for an empty text.

    :raises InvalidValueError: for what is none, or is too large to keep.
    """
    if not text.strip():
        return None
    try:
        value = Decimal(text.strip())
    except InvalidOperation as unreadable:
        raise InvalidValueError(name, f"{name} is no number.") from unreadable
    # Compared, not calculated with: the absolute value of 1e9999999 is beyond all arithmetic.
    if not value.is_finite() or not -MOST_NUMBER <= value <= MOST_NUMBER:
        raise InvalidValueError(name, f"{name} is no number.")
    return value


def read_count(name: str, text: str) -> int | None:
    """
    Return how many; None for an empty text.

    :raises InvalidValueError: for what is no whole number that fits.
    """
    value = read_number(name, text)
    if value is None:
        return None
    if value != int(value) or not 0 <= value < 2**31:
        raise InvalidValueError(name, f"{name} is no whole number.")
    return int(value)
