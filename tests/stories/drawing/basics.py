"""What stories are drawn from: dates, zones, values of fields, segments."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from tests.oracle.things import Segment
from tests.stories.story import LIST

Draw = Any
Found = dict[str, Any]
ZONES = ["America/New_York", "Europe/Berlin", "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"]
# An evening before the clocks go forward, one before they go back, a leap day, a year's end.
STARTS = [
    datetime(2026, 11, 18, 12, 0, tzinfo=UTC),
    datetime(2027, 3, 13, 7, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 5, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 17, 45, 30, tzinfo=UTC),
    datetime(2027, 3, 27, 1, 15, tzinfo=UTC),
]
DATES = [
    "2026-11-18",
    "2026-11-01",
    "2026-12-24",
    "2027-03-14",
    "2028-02-29",
    "2000-02-29",
    "2026-10-30",
]
AT = ["00:00", "01:30", "02:30", "09:00", "23:59:59"]
NUMBERS = {
    name: f"+1212555010{place + 1}" for place, name in enumerate(["ann", "bob", "cem", "dot"])
}
PROFILE: dict[str, list[Any]] = {
    "Profile.Note": ["hi", "7", "2.5", "many", "2026-12-24", "1,250"],
    "Profile.Points": [0, 3, 7, 2.5],
    "Profile.Renewal": DATES,
    "Profile.Birthday": DATES,
    "Profile.Vip": ["on", "off"],
    "Profile.Tier": ["Gold", "Silver"],
    "Profile.Group": ["a", "b", "z"],
    "Profile.Mobile": ["+12125550101", "212 555-0102", "12"],
}

SEGMENTS: dict[str, Any] = {
    "Rich": {"field": "Profile.Points", "at_least": 3},
    "Lately": {"event": {"name": "Cart", "within": "P3D"}},
    "Chosen": None,
}
SEGMENT_NAMES = {name: Segment(name, LIST, rule) for name, rule in SEGMENTS.items()}


@st.composite
def pick(draw: Draw, *strategies: Any) -> Any:
    """Draw from one of several, each as likely: `one_of` counts the branches inside them."""
    return draw(strategies[draw(st.integers(0, len(strategies) - 1))])
