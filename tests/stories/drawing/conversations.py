"""Conversations: a heading, one to three threads, exits led elsewhere; who goes round waits."""

from typing import Any

from hypothesis import strategies as st

from tests.oracle.conversations import Version
from tests.stories.drawing.basics import SEGMENT_NAMES, Draw
from tests.stories.drawing.rules import RULES
from tests.stories.drawing.steps import STEPS, WAITING
from tests.stories.drawing.triggers import EVENT_TRIGGERS, TRIGGERS

SIZES = [[1], [2], [3], [3], [4], [4], [5], [6], [8], [3, 2], [4, 3], [2, 2, 2]]
WAITING_HEADINGS = st.fixed_dictionaries(
    {"reentry": st.just("unlimited")},
    optional={
        "while_in": st.just("restart"),
        "on_unsubscribe": st.just("end"),
        "goal": RULES,
        "exit_when": RULES,
    },
)


@st.composite
def conversations(draw: Draw, name: str, *, waits_only: bool = False) -> dict[str, Any]:
    """Draw a file: one to three threads, few steps, exits led elsewhere now and then."""
    heading = draw(WAITING_HEADINGS if waits_only else HEADINGS)
    steps = WAITING if waits_only else STEPS
    found: dict[str, Any] = {"conversation": name, **heading}
    number, threads = 0, []
    for place, size in enumerate(draw(st.sampled_from(SIZES))):
        trigger = draw(EVENT_TRIGGERS if waits_only else first_steps(place))
        written = [{"key": f"start{place + 1}", "trigger": trigger}]
        for _ in range(size):
            written.append({"key": f"s{number}", **draw(steps)})
            number += 1
        end = {"goal": True} if draw(st.integers(0, 4)) == 4 else {}
        written.append({"key": f"end{place + 1}", "terminate": end})
        threads.append({"thread": ["Main", "Other", "Third"][place], "steps": written})
    found["threads"] = threads
    lead(draw, found)
    return without_loops(found)


@st.composite
def first_steps(draw: Draw, place: int) -> Any:
    """Draw a thread's trigger."""
    trigger = draw(TRIGGERS)
    if place and draw(st.booleans()):
        return "none"
    return {**trigger, "filter": draw(RULES)} if draw(st.integers(0, 3)) == 3 else trigger


REENTRY = [
    "unlimited", "unlimited", "unlimited", "once", {"after": "P1D"}, {"after": "P1M"},
]  # fmt: skip
ACCOUNT_ZONES = ["account", "account", "contact", "Europe/Berlin", "Australia/Lord_Howe"]
# Each setting with how seldom it is given.
OPTIONS = {
    "while_in": (3, st.just("restart")),
    "expires": (7, st.sampled_from(["2026-11-20T00:00:00", "2027-03-14T12:00:00Z"])),
    "on_unsubscribe": (3, st.just("end")),
    "goal": (4, RULES),
    "exit_when": (4, RULES),
}


@st.composite
def headings(draw: Draw) -> dict[str, Any]:
    """Draw the top level."""
    found: dict[str, Any] = {
        "reentry": draw(st.sampled_from(REENTRY)),
        "time_zone": draw(st.sampled_from(ACCOUNT_ZONES)),
    }
    for name, (seldom, values) in OPTIONS.items():
        if draw(st.integers(0, seldom)) == seldom:
            found[name] = draw(values)
    return {name: value for name, value in found.items() if value not in ("once", "account")}


HEADINGS = headings()


def lead(draw: Draw, found: dict[str, Any]) -> None:
    """Say where jumps go, and lead some exits elsewhere."""
    every = [step for thread in found["threads"] for step in thread["steps"]]
    keys = [step["key"] for step in every if "trigger" not in step]
    for step in every:
        if "go_to" in step:
            step["go_to"]["to"] = keys[step["go_to"]["to"] % len(keys)]
    version = Version(found, SEGMENT_NAMES)
    for step in every:
        names = version.steps[step["key"]].exit_names()
        if names and draw(st.integers(0, 5)) == 5:
            place = draw(st.integers(0, 20))
            step["exits"] = {draw(st.sampled_from(names)): keys[place % len(keys)]}


def without_loops(found: dict[str, Any]) -> dict[str, Any]:
    """Mend what would go round without a wait: redirected exits go, then go-tos lead to the end."""
    steps_ = [step for thread in found["threads"] for step in thread["steps"]]
    for step in reversed(steps_):
        if not Version(found, SEGMENT_NAMES).has_loop_without_wait():
            return found
        step.pop("exits", None)
        if "go_to" in step:
            step["go_to"]["to"] = "end1"
    return found
