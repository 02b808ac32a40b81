"""Time by the clocks on the wall: read off slowly, sharing nothing with the product."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True)
class Span:
    """An ISO 8601 duration: months and days by the calendar, then seconds exactly."""

    months: int
    days: int
    seconds: float


def span(text: str) -> Span:
    """Read an ISO 8601 duration, signed or not."""
    match = re.fullmatch(
        r"([+-]?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
        r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
        text,
    )
    assert match, text
    sign = -1 if match[1] == "-" else 1
    years, months, weeks, days, hours, minutes = (int(match[part] or 0) for part in range(2, 8))
    seconds = hours * 3600 + minutes * 60 + float(match[8] or 0)
    return Span(sign * (years * 12 + months), sign * (weeks * 7 + days), sign * seconds)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks show `wall`: the first time of two, or the gap's end."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if clock(first, zone) == wall:
        return first
    moment = (wall - DAY).replace(tzinfo=zone).astimezone(UTC).replace(second=0, microsecond=0)
    while clock(moment, zone) < wall:
        moment += MINUTE
    return moment


def clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show at an instant."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def shifted(wall: datetime, by: Span) -> datetime:
    """Move a wall time by the calendar part of a duration; a month's end is clamped."""
    months = wall.year * 12 + wall.month - 1 + by.months
    year, month = months // 12, months % 12 + 1
    wall = wall.replace(year=year, month=month, day=min(wall.day, monthrange(year, month)[1]))
    return wall + timedelta(days=by.days)


def after(moment: datetime, by: Span, zone: ZoneInfo) -> datetime:
    """Return an instant plus a duration."""
    if by.months or by.days:
        moment = instant(shifted(clock(moment, zone), by), zone)
    return moment + timedelta(seconds=by.seconds)


def shifted_date(day: date, by: Span) -> date:
    """Move a date by a duration of days or more."""
    return shifted(datetime.combine(day, time()), by).date()


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """Read a date-time; without an offset it is by the clocks of the zone."""
    read = datetime.fromisoformat(text)
    return read.astimezone(UTC) if read.tzinfo else instant(read, zone)


def anniversary(day: date, year: int) -> date:
    """Return a date's anniversary in a year; 29 February is 28 February in common years."""
    return day.replace(year=year, day=min(day.day, monthrange(year, day.month)[1]))


def into_window(moment: datetime, window: dict[str, Any] | None, zone: ZoneInfo) -> datetime:
    """Move an instant forward to the first one inside a window of days and hours."""
    if not window or inside(moment, window, zone):
        return moment
    wall = clock(moment, zone)
    opens = time.fromisoformat(window.get("from", "00:00"))
    for days in range(30):
        day = wall.date() + timedelta(days=days)
        for first in (instant(datetime.combine(day, opens), zone), *set_back(day, zone)):
            if first >= moment and inside(first, window, zone):
                return first
    raise AssertionError(f"a window that never opens: {window}")


def set_back(day: date, zone: ZoneInfo) -> list[datetime]:
    """Return when the clocks are set back on a day: they may show an hour of the window again."""
    moment, end = (
        instant(datetime.combine(one, time()), zone) for one in (day, day + timedelta(days=1))
    )
    if end - moment <= DAY:
        return []
    while clock(moment + MINUTE, zone) > clock(moment, zone):
        moment += MINUTE
    return [moment + MINUTE]


def inside(moment: datetime, window: dict[str, Any], zone: ZoneInfo) -> bool:
    """Whether the clocks show a time inside a window; `to` is not."""
    wall = clock(moment, zone)
    days = window.get("days") or WEEKDAYS
    opens = time.fromisoformat(window.get("from", "00:00"))
    closes = window.get("to")
    return (
        WEEKDAYS[wall.weekday()] in days
        and opens <= wall.time()
        and (closes is None or closes == "24:00" or wall.time() < time.fromisoformat(closes))
    )
