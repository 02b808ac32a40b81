"""Review and RatingSummary under /data/v1: arrays, taken row by row, as the others are."""

from collections.abc import Sequence
from typing import Any

from ninja import Body

from accounts.actions import InvalidValueError
from accounts.wire import Created, Frame, WireRequest
from accounts.wire.bodies import ROWS, Rows
from contacts.actions.customers import Outcome
from contacts.actions.reviews import (
    NewReview,
    NewSummary,
    read_count,
    read_number,
    save_reviews,
    save_summaries,
)
from contacts.api.data import placed, read_rows, save_rows
from contacts.api.loose import Loose
from contacts.models.imports import ImportKind

reviews = Frame("/data/v1", integration="data", tag="Data")


@reviews.post("/Review", levels=["Review"], reads=ROWS)
def save_all_reviews(request: WireRequest, body: Body[Rows[Any]]) -> Created:
    """
    Create or replace reviews of products; one that is `deleted` goes.

    A review is known by `provider` and `providerReviewID`. Rows that are not taken stand under
    Contacts > Imports.
    """

    def save(rows: Sequence[Any]) -> Outcome:
        found, places, unread = read_rows(rows, lambda row: read_review(row, request))
        return placed(save_reviews(reviews=found, now=request.now), places, unread)

    return save_rows(request, ImportKind.REVIEWS, body, save)


@reviews.post("/RatingSummary", levels=["Review"], reads=ROWS)
def save_all_summaries(request: WireRequest, body: Body[Rows[Any]]) -> Created:
    """
    Create or replace how products are rated as a whole; a measure that is `deleted` goes.

    A measure is known by `provider`, `providerProductID` and `providerRatingSummaryID`. Rows that are
    not taken stand under Contacts > Imports.
    """

    def save(rows: Sequence[Any]) -> Outcome:
        products, places, unread = read_rows(rows, read_summaries)
        summaries = [one for product in products for one in product]
        # A row has as many summaries as it has measures.
        of_each = [place for place, product in zip(places, products, strict=True) for _ in product]
        return placed(save_summaries(summaries=summaries, now=request.now), of_each, unread)

    return save_rows(request, ImportKind.REVIEWS, body, save)


def read_review(row: Loose, request: WireRequest) -> NewReview:
    """Read a review."""
    return NewReview(
        provider=row.text("provider"),
        provider_review_id=row.text("providerReviewID"),
        provider_product_id=row.text("providerProductID"),
        title=row.text("title"),
        text=row.text("text"),
        featured=bool(row.flag("featured")),
        recommended=bool(row.flag("recommended")),
        reviewer_name=row.text("reviewerName"),
        reviewer_email=row.text("reviewerEmail"),
        reviewer_location=row.text("reviewerLocation"),
        feedback_count=read_count("feedbackCount", row.text("feedbackCount")),
        feedback_positive_count=read_count(
            "feedbackPositiveCount", row.text("feedbackPositiveCount")
        ),
        feedback_negative_count=read_count(
            "feedbackNegativeCount", row.text("feedbackNegativeCount")
        ),
        ratings=[read_rating(one) for one in row.rows("ratings") if not one.flag("deleted")],
        submitted_at=row.moment("reviewSubmitted", request.zone),
        reviewed_at=row.moment("reviewUpdated", request.zone),
        deleted=bool(row.flag("deleted")),
    )


def read_rating(row: Loose) -> dict[str, Any]:
    """
    Read one rating of a review; numbers as they may be stored in JSON.

    :raises InvalidValueError: for one without id or value.
    """
    key = row.text("providerRatingID").strip()
    value = read_number("ratingValue", row.text("ratingValue"))
    if not key or value is None:
        raise InvalidValueError("ratings", "A rating has a providerRatingID and a ratingValue.")
    least = read_number("ratingMin", row.text("ratingMin"))
    most = read_number("ratingMax", row.text("ratingMax"))
    return {
        "id": key[:100],
        "type": row.text("type")[:100],
        "display_type": row.text("displayType")[:50],
        "value": float(value),
        "min": None if least is None else float(least),
        "max": None if most is None else float(most),
    }


def read_summaries(row: Loose) -> list[NewSummary]:
    """
    Read the measures of one product.

    :raises InvalidValueError: for a product that is not named, a measure without id or rating.
    """
    provider, product = row.text("provider").strip(), row.text("providerProductID").strip()
    if not product:
        raise InvalidValueError("providerProductID", "providerProductID is missing.")
    found = []
    for one in row.rows("ratingSummaries"):
        key = one.text("providerRatingSummaryID").strip()
        rating = read_number("rating", one.text("rating"))
        if not key or rating is None:
            raise InvalidValueError(
                "ratingSummaries", "A summary has a providerRatingSummaryID and a rating."
            )
        found.append(
            NewSummary(
                provider=provider,
                provider_product_id=product,
                summary_id=key,
                rating=rating,
                least=read_number("ratingMin", one.text("ratingMin")),
                most=read_number("ratingMax", one.text("ratingMax")),
                number=read_count("count", one.text("count")),
                kind=one.text("type"),
                display_kind=one.text("displayType"),
                deleted=bool(one.flag("deleted")),
            )
        )
    return found
