"""
Files of purchases as the CDNOW sample has them, and who has lapsed by their own dates.

A line is `customer sample date(YYYYMMDD) CDs dollars`. The dates are shifted so that the
last one is yesterday; an email address and a phone number are made from the customer's id.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from conductor.data_directory import CODE

NAMED = "CONDUCTOR_PURCHASES"
SAMPLE = CODE.parent / "shared/data/cdnow_sample.txt"


@dataclass(frozen=True)
class Purchase:
    """One line: who, on which (shifted) day, how many CDs for how much."""

    number: str
    customer: str
    day: date
    quantity: int
    total: str

    @property
    def email(self) -> str:
        """The address made from the id."""
        return address(self.customer)


def address(customer: str) -> str:
    """Return the address of a customer."""
    return f"c{customer}@cdnow.example"


def phone(customer: str) -> str:
    """Return the number of a customer, E.164."""
    return f"+1212{2_000_000 + int(customer)}"


def file_of_purchases() -> Path:
    """Return the file that is named, or the sample; without one the test is left out."""
    path = Path(os.environ.get(NAMED) or SAMPLE)
    if not path.is_file():
        missing = f"There is no file of purchases at {path}; name one with {NAMED}."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def purchases(path: Path, *, today: date) -> Iterator[Purchase]:
    """Yield the lines of a file, shifted so that the last day is yesterday."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    last = max(datetime.strptime(line[2], "%Y%m%d").replace(tzinfo=UTC).date() for line in lines)
    shift = today - timedelta(days=1) - last
    for number, (customer, _, day, quantity, dollars) in enumerate(lines, 1):
        on = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date() + shift
        yield Purchase(f"L{number}", customer, on, int(quantity), dollars)


def lapsed_by_hand(path: Path, today: date) -> set[str]:
    """Return the customers without a purchase in the last 60 days; reads the file itself."""
    latest: dict[str, date] = {}
    for line in path.read_text().splitlines():
        if line.strip():
            customer, day = line.split()[0], line.split()[2]
            on = date(int(day[:4]), int(day[4:6]), int(day[6:]))
            latest[customer] = max(on, latest.get(customer, on))
    age_of_file = (today - max(latest.values())).days - 1
    return {one for one, on in latest.items() if (today - on).days - age_of_file >= 60}


def zone_at_noon() -> str:
    """Return a zone where it is about noon, so that no test runs over midnight."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def today_in(zone: str) -> date:
    """Return the day it is there."""
    return datetime.now(ZoneInfo(zone)).date()
