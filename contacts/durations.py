"""
Durations and local times, as the conversation file means them.

A duration has a calendar part (months, days), added on the wall clock of a zone, and an
exact part (seconds): `P1D` is the same time tomorrow, `PT24H` is 24 hours. A local time
that a zone skips goes to the next valid instant, one that it has twice to the first.

`local_instant` and `add_duration` are the twins of the SQL functions of those names
(migration contacts 0003); a property test holds them together.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

PATTERN = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,6})?)S)?)?"
)
# The longest five years, in days, and what a month counts against them.
LONGEST = 1827.0
MONTH = 1826.2125 / 60
DAY_SECONDS = 86_400


class InvalidDurationError(ValueError):
    """A text that is no duration, or one out of range; the message is a sentence."""


@dataclass(frozen=True, order=False)
class Duration:
    """Months and days by the calendar, then seconds exactly; all of one sign."""

    months: int = 0
    days: int = 0
    seconds: float = 0

    def __str__(self) -> str:
        """Write the canonical ISO 8601 form: `P1Y2M3DT4H5M6S`, `-P3D`, `P0D`."""
        if self.is_negative:
            return f"-{-self}"
        years, months = divmod(self.months, 12)
        date = _units((years, "Y"), (months, "M"), (self.days, "D"))
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        time = _units((hours, "H"), (minutes, "M"), (seconds, "S"))
        return f"P{date or ('' if time else '0D')}" + (f"T{time}" if time else "")

    def __neg__(self) -> "Duration":
        return Duration(-self.months, -self.days, -self.seconds)

    @property
    def is_negative(self) -> bool:
        """Whether it goes back in time."""
        return self.months < 0 or self.days < 0 or self.seconds < 0

    @property
    def approximate_days(self) -> float:
        """About how many days it is long: for ranges and sorting, never for clocks."""
        return self.months * MONTH + self.days + self.seconds / DAY_SECONDS

    def sentence(self) -> str:
        """Say it in words: `3 days`, `1 year, 2 months and 3 hours`."""
        if self.is_negative:
            return (-self).sentence()
        years, months = divmod(self.months, 12)
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        units = [
            (years, "year"),
            (months, "month"),
            (self.days, "day"),
            (hours, "hour"),
            (minutes, "minute"),
            (seconds, "second"),
        ]
        words = [
            f"{_number(count)} {unit}{'' if count == 1 else 's'}" for count, unit in units if count
        ]
        if not words:
            return "0 days"
        return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def parse_duration(text: object, *, signed: bool = False) -> Duration:
    """
    Read an ISO 8601 duration: more than zero, at most P5Y; weeks are days.

    With `signed` it may carry a leading sign and be zero; both bounds then hold for its
    size.

    :raises InvalidDurationError: with a sentence.
    """
    written = text.strip() if isinstance(text, str) else ""
    sign, unsigned = 1, written
    if signed and written[:1] in {"+", "-"}:
        sign, unsigned = (-1 if written[0] == "-" else 1), written[1:]
    match = PATTERN.fullmatch(unsigned)
    if match is None or unsigned[-1:] in {"P", "T"}:
        raise InvalidDurationError(
            f"{text!r} is no duration: write it like P3D (three days) or PT2H (two hours)."
        )
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    found = Duration(
        months=years * 12 + months,
        days=weeks * 7 + days,
        seconds=_whole(hours * 3600 + minutes * 60 + float(match[7] or 0)),
    )
    if found == Duration() and not signed:
        raise InvalidDurationError("A duration is more than zero.")
    if found.approximate_days > LONGEST:
        raise InvalidDurationError("A duration is at most 5 years (P5Y).")
    return found if sign > 0 else -found


def local_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """
    Return the instant (UTC) at which the clocks of `zone` show `wall` (naive).

    A time in a gap gives the gap's end, a time in a fold the first of the two.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = first.astimezone(zone).replace(tzinfo=None)
    if shown == wall:
        return first
    # Within a gap the zone's former offset gives an instant after the transition, by less
    # than the gap is wide: the transition is the first second of the new offset.
    late, early = first, first - (shown - wall)
    offset = late.astimezone(zone).utcoffset()
    late = late.replace(microsecond=0)
    early = early.replace(microsecond=0)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def add_duration(moment: datetime, duration: Duration, zone: ZoneInfo) -> datetime:
    """
    Return `moment` plus a duration, in UTC.

    Months and days move the wall clock of `zone` (the end of a month is clamped), then
    the seconds are added exactly.
    """
    if duration.months or duration.days:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        wall = add_months(wall, duration.months) + timedelta(days=duration.days)
        moment = local_instant(wall, zone)
    return moment.astimezone(UTC) + timedelta(seconds=duration.seconds)


def add_months(wall: datetime, months: int) -> datetime:
    """Move a date-time by whole months; a day that the month lacks is its last."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    day = min(wall.day, monthrange(year, month + 1)[1])
    return wall.replace(year=year, month=month + 1, day=day)


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA names that are valid zones of contacts and accounts."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def is_zone(name: str) -> bool:
    """Say whether a text names an IANA zone; the SQL twin is `valid_zone`."""
    return name in zone_names()


def _units(*units: tuple[float, str]) -> str:
    return "".join(f"{_number(count)}{unit}" for count, unit in units if count)


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _number(number: float) -> str:
    number = round(number, 6)
    return str(int(number)) if number == int(number) else f"{number:.6f}".rstrip("0")
