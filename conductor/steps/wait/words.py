"""A wait in one line: `Wait 3 days, then weekdays 9 to 17`."""

from calendar import month_name

from conductor.steps.wait.settings import (
    ENTRY,
    WEEKDAYS,
    NthWeekday,
    UntilField,
    UntilParts,
    WaitConfig,
    Window,
)
from contacts.durations import parse_duration

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", "last": "last"}
NOT_CHOSEN = "Choose how long to wait"


def wait_sentence(config: WaitConfig) -> str:
    """Say how long, and when contacts go on."""
    length = _length(config)
    if not length:
        return NOT_CHOSEN
    window = config.window
    return f"Wait {length}" + (f", then {_window(window)}" if window and not window.is_open else "")


def _length(config: WaitConfig) -> str:
    if config.for_:
        return parse_duration(config.for_).sentence()
    if config.until:
        return f"until {config.until.replace('T', ' ')}"
    if config.until_field is not None and config.until_field.field:
        return _until_field(config.until_field)
    if config.until_parts is not None and not config.until_parts.is_empty:
        return _until_parts(config.until_parts)
    return ""


def _until_field(until: UntilField) -> str:
    """Write `until 3 days before Profile.Birthday at 09:00`."""
    yearly = ", next anniversary" if until.year == "next_occurrence" else ""
    return f"until {_shifted(until.offset)}{until.field}{_at(until.at)}{yearly}"


def _until_parts(parts: UntilParts) -> str:
    """Write `until 4 weeks before the first Monday of December 2027 at 09:00`."""
    time = "the time of entry" if parts.time == ENTRY else parts.time
    rolled = ", or that day of a later year" if parts.roll else ""
    return f"until {_shifted(parts.offset)}{_day(parts)} of {_month(parts)}{_at(time)}{rolled}"


def _shifted(offset: str) -> str:
    if not offset:
        return ""
    shift = parse_duration(offset, signed=True)
    return f"{shift.sentence()} {'before' if shift.is_negative else 'after'} "


def _at(time: str) -> str:
    return f" at {time}" if time else ""


def _day(parts: UntilParts) -> str:
    day = parts.day
    if isinstance(day, NthWeekday):
        return f"the {ORDINALS[day.nth]} {DAY_NAMES[WEEKDAYS.index(day.weekday)]}"
    if isinstance(day, int):
        return f"day {day}"
    return f"the day of {day or 'arrival'}"


def _month(parts: UntilParts) -> str:
    month, year = parts.month, parts.year
    words = month_name[month] if isinstance(month, int) else f"the month of {month or 'arrival'}"
    if isinstance(year, int):
        return f"{words} {year}"
    return f"{words}, year of {year}" if year else words


def _window(window: Window) -> str:
    """Write `weekdays 9 to 17`."""
    return " ".join(filter(None, (_days(window), _hours(window))))


def _days(window: Window) -> str:
    days = sorted(WEEKDAYS.index(day) for day in window.days)
    known = {(0, 1, 2, 3, 4): "weekdays", (5, 6): "weekends", (0, 1, 2, 3, 4, 5, 6): ""}
    if tuple(days) in known:
        return known[tuple(days)]
    names = [DAY_NAMES[day] for day in days]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _hours(window: Window) -> str:
    if window.from_ and window.to:
        return f"{_hour(window.from_)} to {_hour(window.to)}"
    if window.from_:
        return f"from {_hour(window.from_)}"
    return f"until {_hour(window.to)}" if window.to else ""


def _hour(written: str) -> str:
    """Write `9` for 09:00, `9:30` for 09:30."""
    return written.removesuffix(":00").lstrip("0") or "0" if len(written) == 5 else written
