"""Hold each contact for a time, until a moment, or until a date in its profile.

The clock starts when the contact arrives at the step, not when it entered the conversation.
*For* a duration: P1D is the same time tomorrow, PT24H is 24 hours. *Until* a moment that has
passed, contacts leave at once by *past*. *Until field*: a contact whose field holds no date
leaves at once by *no date*. A changed wait applies to contacts who arrive on the new version.
"""

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from conductor.steps import (
    END,
    NEXT,
    DurationText,
    MomentText,
    Names,
    NameText,
    OffsetText,
    StepConfig,
    StepProblem,
    StepType,
    TimeText,
    ZoneText,
    empty,
    invalid,
    unknown,
)
from contacts.durations import Duration, parse_duration


class UntilField(StepConfig):
    """A date in the profile, shifted by days, at a time of day."""

    field: NameText = ""
    offset: OffsetText = ""
    at: TimeText = ""
    year: Literal["same", "next_occurrence"] = "same"


class WaitConfig(StepConfig):
    """How long: exactly one of the first three."""

    not_yet = {
        "until_parts": "waiting until a day put together from parts",
        "window": "a window of days and hours",
    }

    for_: DurationText = Field("", alias="for")
    until: MomentText = ""
    until_field: UntilField | None = None
    time_zone: ZoneText = ""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Refuse two ways to wait in one step."""
        if sum((bool(self.for_), bool(self.until), self.until_field is not None)) > 1:
            raise invalid("A wait has one of for, until and until_field.")
        return self


class Wait(StepType[WaitConfig]):
    """Hold each contact."""

    kind = "wait"
    label = "Wait Step"
    family = "wait"
    icon = "clock"
    keywords = ("Delay", "Pause", "Timer")
    Config = WaitConfig

    def sentence(self, config: WaitConfig) -> str:
        """Say how long."""
        if config.for_:
            return f"Wait {parse_duration(config.for_).sentence()}"
        if config.until:
            return f"Wait until {config.until.replace('T', ' ')}"
        if config.until_field is not None and config.until_field.field:
            return _until_field_sentence(config.until_field)
        return "Choose how long to wait"

    def exits(self, config: WaitConfig) -> dict[str, str]:
        """Go on when it is over; leave at once where there is nothing to wait for."""
        if config.until:
            return {"next": NEXT, "past": NEXT}
        if config.until_field is not None:
            return {"next": NEXT, "no_date": END}
        return {"next": NEXT}

    def exit_names(self, config: WaitConfig) -> set[str]:
        """All of them, so that the way to wait may change."""
        return {"next", "past", "no_date"}

    def holds(self, config: WaitConfig) -> bool:
        """Only a wait for a duration surely holds: the others may release at once."""
        return bool(config.for_)

    def problems(self, config: WaitConfig, names: Names) -> list[StepProblem]:
        """Find a missing time, an unknown field, a field that is no date."""
        if config.until_field is not None:
            return _date_problems("until_field.field", config.until_field.field, names)
        if not config.for_ and not config.until:
            return [empty("", "Choose how long to wait.")]
        return []

    def compile(self, config: WaitConfig, names: Names) -> dict[str, Any]:
        """Return the mode and its numbers; a naive `until` stays local to the zone."""
        zone = config.time_zone or names.zone
        if config.for_:
            return {"mode": "for", **_parts(parse_duration(config.for_)), "zone": zone}
        if config.until:
            moment = datetime.fromisoformat(config.until)
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
            return {"mode": "until", "until": moment.isoformat(), "zone": zone}
        until = config.until_field or UntilField()
        field = names.field(until.field)
        return {
            "mode": "until_field",
            "field_id": field.pk if field else None,
            "offset": _parts(parse_duration(until.offset or "P0D", signed=True)),
            "at": until.at,
            "year": until.year,
            "zone": zone,
        }


def _parts(duration: Duration) -> dict[str, float]:
    return {"months": duration.months, "days": duration.days, "seconds": duration.seconds}


def _date_problems(path: str, name: str, names: Names) -> list[StepProblem]:
    if not name:
        return [empty(path, "Choose the field with the date.")]
    field = names.field(name)
    if field is None:
        return [unknown(path, "field", name)]
    if field.data_type != "Date":
        return [StepProblem(path, "wrong_type", f"“{name}” is no date field.")]
    return []


def _until_field_sentence(until: UntilField) -> str:
    """Write `Wait until 3 days before Profile.Birthday at 09:00`."""
    when = until.field
    if until.offset:
        offset = parse_duration(until.offset, signed=True)
        when = f"{offset.sentence()} {'before' if offset.is_negative else 'after'} {when}"
    yearly = ", next anniversary" if until.year == "next_occurrence" else ""
    return f"Wait until {when}{f' at {until.at}' if until.at else ''}{yearly}"


STEP = Wait()
