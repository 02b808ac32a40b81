"""Hold each contact for a time, until a moment, or until a day that its profile gives.

The clock starts when the contact arrives at the step, not when it entered the conversation.
*For* a duration: P1D is the same time tomorrow, PT24H is 24 hours. *Until* a moment that has
passed, contacts leave at once by *past*. *Until field*: a contact whose field holds no date
leaves at once by *no date*. *Until parts* puts a day together: the first Monday of December,
the day and month of a birthday. A *window* lets contacts go on only on some days, in some
hours. A changed wait applies to contacts who arrive on the new version.
"""

from datetime import UTC, datetime
from typing import Any

from conductor.steps import (
    END,
    NEXT,
    Arrivals,
    Names,
    StepProblem,
    StepType,
    empty,
    unknown,
)
from conductor.steps.wait.holding import hold
from conductor.steps.wait.settings import (
    ENTRY,
    WEEKDAYS,
    NthWeekday,
    UntilField,
    UntilParts,
    WaitConfig,
    Window,
)
from conductor.steps.wait.words import NOT_CHOSEN, wait_sentence
from contacts.durations import Duration, parse_duration


class Wait(StepType[WaitConfig]):
    """Hold each contact."""

    kind = "wait"
    label = "Wait Step"
    family = "wait"
    icon = "clock"
    keywords = ("Delay", "Pause", "Timer", "Advanced Wait Builder")
    Config = WaitConfig

    def sentence(self, config: WaitConfig) -> str:
        """Say how long."""
        return wait_sentence(config)

    def exits(self, config: WaitConfig) -> dict[str, str]:
        """Go on when it is over; leave at once where there is nothing to wait for."""
        if config.until:
            return {"next": NEXT, "past": NEXT}
        if config.until_field is not None or config.until_parts is not None:
            return {"next": NEXT, "past": NEXT, "no_date": END}
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
        if config.until_parts is not None:
            if config.until_parts.is_empty:
                return [empty("until_parts", "Choose a day, a month or a year.")]
            return [
                problem
                for part, name in config.until_parts.fields.items()
                for problem in _date_problems(f"until_parts.{part}", name, names)
            ]
        if not config.for_ and not config.until:
            return [empty("", f"{NOT_CHOSEN}.")]
        return []

    def compile(self, config: WaitConfig, names: Names) -> dict[str, Any]:
        """Return the mode, its numbers and the window; what is local stays so."""
        common = {"zone": config.time_zone or names.zone, "window": _window(config.window)}
        if config.for_:
            return {"mode": "for", **_numbers(parse_duration(config.for_)), **common}
        if config.until:
            moment = datetime.fromisoformat(config.until)
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
            return {"mode": "until", "until": moment.isoformat(), **common}
        if config.until_parts is not None:
            return {"mode": "until_parts", **_parts(config.until_parts, names), **common}
        until = config.until_field or UntilField()
        field = names.field(until.field)
        return {
            "mode": "until_field",
            "field_id": field.pk if field else None,
            "offset": _numbers(parse_duration(until.offset or "P0D", signed=True)),
            "at": until.at,
            "year": until.year,
            **common,
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Release those whose time has come; hold the others until it does."""
        hold(arrivals)


def _numbers(duration: Duration) -> dict[str, float]:
    return {"months": duration.months, "days": duration.days, "seconds": duration.seconds}


def _window(window: Window | None) -> dict[str, Any] | None:
    """Return {days: bits 1 (Monday) to 7, from, to}; None where nobody is kept back."""
    if window is None or window.is_open:
        return None
    return {
        "days": sum(1 << (WEEKDAYS.index(day) + 1) for day in window.days or WEEKDAYS),
        "from": window.from_ or "00:00",
        "to": window.to or "24:00",
    }


def _parts(parts: UntilParts, names: Names) -> dict[str, Any]:
    """Return each part as {number}, {entry: true}, {field_id}, {nth, weekday} or None."""
    return {
        "day": _part(parts.day, names),
        "month": _part(parts.month, names),
        "year": _part(parts.year, names),
        "roll": parts.roll,
        "time": parts.time,
        "offset": _numbers(parse_duration(parts.offset or "P0D", signed=True)),
    }


def _part(written: int | str | NthWeekday, names: Names) -> dict[str, Any] | None:
    if isinstance(written, NthWeekday):
        return {"nth": written.nth, "weekday": WEEKDAYS.index(written.weekday) + 1}
    if isinstance(written, int):
        return {"number": written}
    if written == ENTRY:
        return {"entry": True}
    field = names.field(written) if written else None
    return {"field_id": field.pk} if field else None


def _date_problems(path: str, name: str, names: Names) -> list[StepProblem]:
    if not name:
        return [empty(path, "Choose the field with the date.")]
    field = names.field(name)
    if field is None:
        return [unknown(path, "field", name)]
    if field.data_type != "Date":
        return [StepProblem(path, "wrong_type", f"“{name}” is no date field.")]
    return []


STEP = Wait()
