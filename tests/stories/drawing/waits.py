"""Waits: for a time, until a day, for something to happen."""

from typing import Any

from hypothesis import strategies as st

from tests.stories.drawing.basics import AT, DATES, Draw
from tests.stories.drawing.rules import TIMELESS
from tests.stories.story import EVENTS

DURATIONS = ["PT1S", "PT90M", "PT24H", "P1D", "P1D", "P3D", "P1W", "P1M", "P1M2DT3H"]


@st.composite
def parts(draw: Draw) -> dict[str, Any]:
    """Draw a day put together."""
    days = [1, 29, 31, {"nth": 1, "weekday": "mon"}, {"nth": 5, "weekday": "sun"},
            {"nth": "last", "weekday": "fri"}, "Profile.Birthday"]  # fmt: skip
    found: dict[str, Any] = {"day": draw(st.sampled_from(days))}
    others: dict[str, list[Any]] = {
        "month": [2, 3, 11, "entry", "Profile.Birthday"],
        "year": [2026, 2027, 2028, "entry", "Profile.Renewal"],
        "time": ["09:00", "02:30", "entry"],
        "offset": ["P1D", "-P1M"],
        "roll": [True],
    }
    for name, values in others.items():
        if draw(st.booleans()):
            found[name] = draw(st.sampled_from(values))
    return found


@st.composite
def fields(draw: Draw) -> dict[str, Any]:
    """Draw a date of the profile to wait until."""
    until = {"field": draw(st.sampled_from(["Profile.Renewal", "Profile.Birthday"]))}
    if draw(st.booleans()):
        until["offset"] = draw(st.sampled_from(["P1D", "-P3D", "P1M", "-P1M"]))
    if draw(st.booleans()):
        until["at"] = draw(st.sampled_from(AT))
    if draw(st.booleans()):
        until["year"] = "next_occurrence"
    return until


MOMENTS = [f"{day}T{at}" for day in DATES[:4] for at in AT[1:4]] + ["2026-11-20T10:00:00+02:00"]
WAYS = {
    "for": st.sampled_from(DURATIONS),
    "until": st.sampled_from(MOMENTS),
    "until_field": fields(),
    "until_parts": parts(),
}


@st.composite
def waits(draw: Draw) -> dict[str, Any]:
    """Draw a wait."""
    way = draw(st.sampled_from(["for", "for", "for", "until", "until_field", "until_parts"]))
    wait = {way: draw(WAYS[way])}
    if draw(st.integers(0, 3)) == 3:
        wait["window"] = draw(
            st.sampled_from([
                {"days": ["mon", "tue", "wed", "thu", "fri"]},
                {"days": ["sat"], "from": "09:00", "to": "17:00"},
                {"from": "01:00", "to": "02:30"}, {"from": "22:00"},
            ])
        )  # fmt: skip
    if draw(st.integers(0, 3)) == 3:
        wait["time_zone"] = draw(st.sampled_from(["contact", "Europe/Berlin"]))
    return {"wait": wait}


DID = ["opened", "sent", "clicked", "bounced", "read", "converted"]
TEXT_WAITS: list[dict[str, Any]] = [
    {"sms": {"did": "replied"}},
    {"sms": {"did": "replied"}, "where": {"name": "text", "is": "stop"}},
    {"sms": {"did": "clicked"}},
]


@st.composite
def wait_fors(draw: Draw) -> dict[str, Any]:
    """Draw a wait for something."""
    timeout = draw(st.sampled_from(["PT1H", "P1D", "P3D", "P1M"]))
    ways = ["event", "event", "order", "message", "sms", "filter", "filter"]
    way = draw(st.sampled_from(ways))
    config: dict[str, Any]
    if way == "filter":
        return {"wait_for": {"filter": draw(TIMELESS), "timeout": timeout}}
    if way == "event":
        config = {"event": draw(st.sampled_from(EVENTS))}
    elif way == "order":
        config = {"order": draw(st.sampled_from([{}, {"status": "Shipped"}]))}
    elif way == "sms":
        config = draw(st.sampled_from(TEXT_WAITS))
    else:
        config = {"message": {"did": draw(st.sampled_from(DID))}}
        if draw(st.booleans()):
            config["message"]["step"] = "s0"
    if way in {"event", "order"} and draw(st.integers(0, 2)) == 2:
        config["where"] = {"name": "total", "at_least": 50}
    return {"wait_for": {**config, "timeout": timeout}}
