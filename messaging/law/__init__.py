"""
At what hours the law lets a marketing text be sent, as data with its sources and dates.

`hours.csv` has the hours of countries, states and provinces; `area_codes.csv` says where a
number of the North American plan is at home and what its clocks may show. It was made from
the geocoding and time zones of libphonenumber's prefixes: where an area code has several zones
all of them are kept, and the hours hold in each. Every row says where it stands and as of when,
those of hours how they are read, too: `statute`, or `conservative` where the law's words leave
room and the stricter sense was taken. No row knows a holiday.

Hours are a tuple of 14: for each day from Monday the minute of the local day at which they
open and at which they close (excluded); two equal ones are a day without hours.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from functools import cache
from importlib.resources import files

Hours = tuple[int, ...]

ALL_DAY: Hours = (0, 24 * 60) * 7
MINUTES = 24 * 60


@dataclass(frozen=True)
class Law:
    """The hours of a country, a state or a province; where they stand, how read, as of when."""

    region: str
    hours: Hours
    source: str
    reading: str
    as_of: str


@dataclass(frozen=True)
class AreaCode:
    """Where an area code is at home: a region such as US-FL, and its IANA zones."""

    code: str
    region: str
    zones: tuple[str, ...]
    source: str
    as_of: str


@cache
def laws() -> dict[str, Law]:
    """Return the hours by region."""
    return {
        row["region"]: Law(
            row["region"],
            (*_span(row["monday_to_friday"]) * 5, *_span(row["saturday"]), *_span(row["sunday"])),
            row["source"],
            row["reading"],
            row["as_of"],
        )
        for row in _rows("hours.csv")
    }


@cache
def area_codes() -> dict[str, AreaCode]:
    """Return the area codes of the North American numbering plan."""
    return {
        row["area_code"]: AreaCode(
            row["area_code"],
            row["region"],
            tuple(row["zones"].split()),
            row["source"],
            row["as_of"],
        )
        for row in _rows("area_codes.csv")
    }


def strictest(all_hours: Iterable[Hours]) -> Hours:
    """Return the hours that are within all of these."""
    found = list(ALL_DAY)
    for hours in all_hours:
        for place in range(0, 14, 2):
            found[place] = max(found[place], hours[place])
            found[place + 1] = min(found[place + 1], hours[place + 1])
    return tuple(found)


def hours_of(region: str) -> Hours:
    """Return the hours of a region: its own and its country's, whichever is stricter."""
    names = {region, region.partition("-")[0]}
    return strictest(law.hours for name, law in laws().items() if name in names)


def window(opens: time | None, closes: time | None) -> Hours:
    """Return the same hours for every day; without an end it is the day's."""
    first = opens.hour * 60 + opens.minute if opens else 0
    last = closes.hour * 60 + closes.minute if closes else MINUTES
    return (first, last or MINUTES) * 7


def _span(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    first, last = (time.fromisoformat(part) for part in text.split("-"))
    return first.hour * 60 + first.minute, last.hour * 60 + last.minute


def _rows(name: str) -> list[dict[str, str]]:
    text = files("messaging.law").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
