"""The settings of those triggers that take several: segment, order, product, date."""

from typing import Literal, Self

from pydantic import model_validator

from conductor.orders import OfStatus
from conductor.steps import (
    DurationText,
    NameText,
    OffsetText,
    StepConfig,
    TimeText,
    invalid,
)
from contacts.durations import Duration, parse_duration

PRODUCT_FACTS = {
    "back_in_stock": "back in stock",
    "price_drop": "price drop",
    "low_stock": "low stock",
}
MIDNIGHT = "00:00"


class SegmentTrigger(StepConfig):
    """When a contact enters or leaves a segment; those who are in it already may come, too."""

    name: NameText = ""
    on: Literal["", "entered", "left"] = ""
    include_existing: bool = False


class OrderTrigger(OfStatus):
    """
    When an order first has a status; without one, whenever it has another for the first time.

    `max_age` is how old an order may be that an integration sends.
    """

    max_age: DurationText = "P2D"


class InterestTrigger(StepConfig):
    """Who is told of a product: those with such an event for it, so long ago at most."""

    event: NameText = ""
    within: DurationText = ""


class ProductTrigger(StepConfig):
    """What happens to a product: exactly one of these."""

    back_in_stock: InterestTrigger | None = None
    price_drop: InterestTrigger | None = None
    low_stock: InterestTrigger | None = None

    @model_validator(mode="after")
    def one_change(self) -> Self:
        """Refuse two changes in one trigger."""
        if sum(getattr(self, name) is not None for name in PRODUCT_FACTS) > 1:
            raise invalid(f"A product trigger has one of {', '.join(PRODUCT_FACTS)}.")
        return self

    @property
    def chosen(self) -> tuple[str, InterestTrigger]:
        """Return the change and who is told; "" for none chosen."""
        for name in PRODUCT_FACTS:
            interest = getattr(self, name)
            if interest is not None:
                return name, interest
        return "", InterestTrigger()


class DateTrigger(StepConfig):
    """Every year on a date of the profile, shifted by days, at a local time (00:00)."""

    field: NameText = ""
    offset: OffsetText = ""
    at: TimeText = ""

    @property
    def shift(self) -> Duration:
        """The offset; nothing is none."""
        return parse_duration(self.offset, signed=True) if self.offset else Duration()


def duration_parts(written: str) -> dict[str, float]:
    """Return a duration as a program holds it: {months, days, seconds}."""
    duration = parse_duration(written, signed=True)
    return {"months": duration.months, "days": duration.days, "seconds": duration.seconds}
