"""
Stories drawn at random: small, readable, and shrinking to what matters.

What is left out of a story stands first among what is drawn from, so that failing stories
shrink to the settings that make them fail.
"""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from tests.stories.drawing.basics import NUMBERS, PROFILE, SEGMENTS, STARTS, ZONES, Draw
from tests.stories.drawing.conversations import conversations
from tests.stories.drawing.happenings import happenings
from tests.stories.drawing.triggers import knocks
from tests.stories.story import MUCH, Story

CAPS = st.tuples(
    st.sampled_from(["any", "email", "sms"]), st.sampled_from(["day", "week"]), st.integers(1, 2)
)
CONSENTS = [[], ["Subscribed"], ["Subscribed"], ["Subscribed"], ["Pending"], ["Unsubscribed"]]


@st.composite
def people(draw: Draw) -> dict[str, dict[str, Any]]:
    """Draw one to four people."""
    found = {}
    for name in ["ann", "bob", "cem", "dot"][: draw(st.sampled_from([1, 1, 2, 2, 3, 4]))]:
        about: dict[str, Any] = {"phone": NUMBERS[name]} if draw(st.integers(0, 3)) < 3 else {}
        state = draw(st.sampled_from(["Subscribed"] * 7 + ["Unsubscribed", "Pending", "absent"]))
        if state == "absent":
            about["lists"] = {}
        elif state != "Subscribed":
            about["state"] = state
        profile = {
            field: draw(st.sampled_from(PROFILE[field]))
            for field in sorted(PROFILE)
            if draw(st.integers(0, 2)) == 2
        }
        if profile:
            about["profile"] = profile
        if draw(st.integers(0, 3)) == 3:
            about["time_zone"] = draw(st.sampled_from(["Asia/Kathmandu", "Pacific/Auckland"]))
        if draw(st.booleans()):
            about["first_name"] = "Grace"
        if draw(st.integers(0, 6)) == 6:
            about["birthday"] = date(2000, 2, 29)
        found[name] = about
    return found


@st.composite
def rules(draw: Draw) -> dict[str, Any]:
    """Draw what the account allows itself, which is everything more often than not."""
    if draw(st.integers(0, 4)) < 3:
        return {}
    found: dict[str, Any] = {"texts": draw(st.sampled_from(["marketing", "transactional"]))}
    hours = {
        channel: draw(st.sampled_from([(9, 20), (0, 18), (12, 24)]))
        for channel in ("email", "sms")
        if draw(st.booleans())
    }
    caps = draw(st.lists(CAPS, max_size=2, unique_by=lambda cap: cap[:2]))
    holdout = draw(st.sampled_from([0, 0, 0, 50]))
    return found | {"hours": hours, "caps": caps, "holdout": holdout}


@st.composite
def stories(draw: Draw) -> Story:
    """Draw a story."""
    number = draw(st.sampled_from([1, 1, 1, 2, 2, 3]))
    waits_only = draw(st.integers(0, 3)) == 3
    files = [draw(conversations(f"C{place + 1}", waits_only=waits_only)) for place in range(number)]
    who = draw(people())
    consents = [
        ("consent", NUMBERS[name], state)
        for name in sorted(who)
        for state in draw(st.sampled_from(CONSENTS))
    ]
    begins = [
        knock
        for file in files
        for name in sorted(who)
        if draw(st.integers(0, 4)) < 4
        for knock in knocks(file["threads"][0]["steps"][0]["trigger"], name)
    ]
    happens = draw(st.lists(happenings(sorted(who), files), min_size=1, max_size=10))
    last = [("through", draw(st.sampled_from(["P1W", "P1M", "P4M"])))]
    return Story(
        people=who,
        conversations=files,
        segments={name: rule for name, rule in SEGMENTS.items() if name in str((files, happens))},
        acts=[*consents, *begins, *happens, *last],
        rules=draw(rules()),
        zone=draw(st.sampled_from(ZONES)),
        starts=draw(st.sampled_from(STARTS)),
        limit=draw(st.sampled_from([MUCH, MUCH, MUCH, MUCH, 1, 2, 3])),
    )


__all__ = ["stories"]
