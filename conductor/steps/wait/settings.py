"""What a wait is told: the ways to wait, the parts of a day, the window."""

from datetime import time
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from conductor.steps import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    DurationText,
    MomentText,
    NameText,
    OffsetText,
    StepConfig,
    TimeText,
    ZoneText,
    invalid,
    shape,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENTRY = "entry"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"


class UntilField(StepConfig):
    """A date in the profile, shifted by days, at a time of day."""

    field: NameText = ""
    offset: OffsetText = ""
    at: TimeText = ""
    year: Literal["same", "next_occurrence"] = "same"


class NthWeekday(StepConfig):
    """One of a month's Mondays, Tuesdays ...: a fifth that is not there is the last."""

    nth: Literal[1, 2, 3, 4, 5, "last"]
    weekday: Weekday


DAY = "This is a day of the month (1 to 31), {nth: 1..5 or last, weekday: mon..sun}, or a field."
DayNumber = Annotated[int, Field(ge=1, le=31)]
MonthNumber = Annotated[int, Field(ge=1, le=12)]
YearNumber = Annotated[int, Field(ge=EARLIEST_YEAR, le=LATEST_YEAR)]


class UntilParts(StepConfig):
    """
    A day put together from parts; each is a number, `entry` (month and year) or a field.

    A part that is left out is that of the day of arrival.
    """

    day: Annotated[
        Annotated[DayNumber | NameText, Tag("literal")] | Annotated[NthWeekday, Tag("mapping")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=DAY),
    ] = ""
    month: MonthNumber | NameText = ""
    year: YearNumber | NameText = ""
    roll: bool = False
    time: Annotated[str, StringConstraints(pattern=rf"^(?:{ENTRY}|{CLOCK})?$")] = ""
    offset: OffsetText = ""

    @field_validator("day", "month", "year", mode="before")
    @classmethod
    def by_name(cls, written: Any) -> Any:
        """Take a field as `Group.Field` or as `{field: Group.Field}`."""
        if isinstance(written, dict) and list(written) == ["field"]:
            return written["field"]
        return written

    @property
    def fields(self) -> dict[str, str]:
        """The fields among the parts: {part: Group.Field}."""
        parts = {"day": self.day, "month": self.month, "year": self.year}
        return {
            part: name
            for part, name in parts.items()
            if isinstance(name, str) and name and (name != ENTRY or part == "day")
        }

    @property
    def is_empty(self) -> bool:
        """Whether no part of the day is given."""
        return self.day == "" and self.month == "" and self.year == ""


class Window(StepConfig):
    """The days of the week and the hours in which a contact may go on; `to` is excluded."""

    days: list[Weekday] = Field(default_factory=list)
    from_: TimeText = Field("", alias="from")
    to: TimeText = ""

    @model_validator(mode="after")
    def opens(self) -> Self:
        """Refuse a window that never opens, and a day that stands twice."""
        if len(set(self.days)) < len(self.days):
            raise invalid("A day stands here twice.")
        if self.to and time.fromisoformat(self.from_ or "00:00") >= time.fromisoformat(self.to):
            raise invalid("A window's `from` is before its `to`.")
        return self

    @property
    def is_open(self) -> bool:
        """Whether it keeps nobody back."""
        return len(self.days) in {0, len(WEEKDAYS)} and not self.to and not self.from_


WAYS = ("for", "until", "until_field", "until_parts")


class WaitConfig(StepConfig):
    """How long: exactly one of the first four."""

    for_: DurationText = Field("", alias="for")
    until: MomentText = ""
    until_field: UntilField | None = None
    until_parts: UntilParts | None = None
    window: Window | None = None
    time_zone: ZoneText = ""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Refuse two ways to wait in one step."""
        ways = (self.for_, self.until, self.until_field is not None, self.until_parts is not None)
        if sum(map(bool, ways)) > 1:
            raise invalid(f"A wait has one of {', '.join(WAYS[:-1])} and {WAYS[-1]}.")
        return self
