"""Steps of every kind."""

from typing import Any

from hypothesis import strategies as st

from tests.oracle.steps import SCRIPTS
from tests.stories.drawing.basics import PROFILE, Draw, pick
from tests.stories.drawing.rules import RULES
from tests.stories.drawing.waits import wait_fors, waits
from tests.stories.story import CLUB, CODE, EVENTS, LIST, MESSAGE, PHONE_LIST, POOLS, SHOP


def act(name: str, setting: Any) -> dict[str, Any]:
    """Return an action."""
    return {"action": {name: setting}}


SOURCES = {
    "Profile.Note": "Profile.Group",
    "Profile.Points": "Profile.Note",
    "Profile.Renewal": "Profile.Birthday",
}


@st.composite
def set_fields(draw: Draw) -> dict[str, Any]:
    """Draw a value for a field."""
    names = ["Profile.Note", "Profile.Points", "Profile.Renewal", "Profile.Vip", "Profile.Group"]
    name = draw(st.sampled_from(names))
    values = [
        *PROFILE[name],
        None,
        *([{"from_field": SOURCES[name]}] * 2 if name in SOURCES else []),
    ]
    return act("set_field", {"field": name, "value": draw(st.sampled_from(values))})


@st.composite
def set_dates(draw: Draw) -> dict[str, Any]:
    """Draw a date to write."""
    config = {"field": draw(st.sampled_from(["Profile.Renewal", "Profile.Birthday"]))}
    if draw(st.booleans()):
        config["offset"] = draw(st.sampled_from(["P1D", "-P1M", "P1Y"]))
    if draw(st.booleans()):
        config["of"] = "entry"
    return act("set_date", config)


def actions() -> Any:
    """Draw an action."""
    points, units = "Profile.Points", ["days", "weeks", "months"]
    others = st.sampled_from([
        *(act("set_difference", {"field": points, "from_field": "Profile.Renewal", "unit": unit})
          for unit in units),
        *(act("random_group", {"field": points, "groups": groups}) for groups in (2, 3)),
        *(act("raise_event", name) for name in EVENTS * 2),
        act("subscribe", CLUB), act("subscribe", LIST),
        act("unsubscribe", "this"), act("unsubscribe", CLUB),
        act("add_to_segment", "Chosen"), act("remove_from_segment", "Chosen"),
    ])  # fmt: skip
    coupons = st.sampled_from(sorted(POOLS)).map(
        lambda pool: act("set_coupon", {"pool": pool, "field": "Profile.Code"})
    )
    # The first conversation is there when the others are published.
    enrolling = st.just(act("enroll", {"conversation": "C1", "thread": "Main"}))
    return pick(*[set_fields(), set_fields(), set_dates(), others, others, coupons, enrolling])


SENDS = st.sampled_from([
    {}, {}, {}, {"send": {"quiet_hours": "skip"}}, {"send": {"cap": "defer"}},
])  # fmt: skip


@st.composite
def messages(draw: Draw) -> dict[str, Any]:
    """Draw a message."""
    if draw(st.booleans()):
        transactional = {"transactional": True} if draw(st.integers(0, 2)) == 2 else {}
        return {"message": {"saved_message": MESSAGE, **transactional, **draw(SENDS)}}
    config = {"short_code": CODE, "phone_list": PHONE_LIST, "text": "Hi", **draw(SENDS)}
    if draw(st.booleans()):
        config["phone_field"] = "Profile.Mobile"
    if draw(st.booleans()):
        config["invalid_number"] = "terminate"
    return {"mobile_message": config}


@st.composite
def branches(draw: Draw) -> dict[str, Any]:
    """Draw an If."""
    found = draw(st.lists(RULES, min_size=1, max_size=3))
    names = ["yes", "maybe", "late"]
    return {
        "if": {
            "branches": [
                {"name": name, "filter": rule} for name, rule in zip(names, found, strict=False)
            ]
        }
    }


@st.composite
def splits(draw: Draw) -> dict[str, Any]:
    """Draw a split."""
    shares = draw(st.sampled_from([{"a": 50, "b": 50}, {"a": 1, "b": 98, "c": 1}]))
    config: dict[str, Any] = {
        "groups": [{"name": name, "weight": weight} for name, weight in shares.items()]
    }
    if draw(st.booleans()):
        config["store"] = "Profile.Group"
    return {"split": config}


@st.composite
def go_tos(draw: Draw) -> dict[str, Any]:
    """Draw a jump by the place of its target; what would go round is mended later."""
    config: dict[str, Any] = {"to": draw(st.integers(0, 20))}
    if draw(st.booleans()):
        config["filter"] = draw(RULES)
    return {"go_to": config}


@st.composite
def webhooks(draw: Draw) -> dict[str, Any]:
    """Draw a call; its path says how each attempt is answered."""
    path = draw(st.sampled_from(["200", "204", "404", "302", "503-200", "429-503-200", "500"]))
    config: dict[str, Any] = {"url": f"{SHOP}/{path}"}
    if path != "204" and draw(st.booleans()):
        config["save_response"] = {"Profile.Note": "/tier"}
    return {"webhook": config}


SCRIPT_STEPS = st.sampled_from(sorted(SCRIPTS)).map(
    lambda source: {"code": {"source": source, "exits": ["low", "high"]}}
)
STEPS = pick(
    waits(), waits(), wait_fors(), wait_fors(), messages(), messages(), actions(), actions(),
    actions(), go_tos(), splits(), branches(), RULES.map(lambda rule: {"filter": rule}),
    webhooks(), SCRIPT_STEPS,
)  # fmt: skip

# What waits, wakes and ends: stories of little else find what the broad ones seldom come to.
WAITING = pick(
    st.sampled_from(["PT10M", "PT1H", "P1D"]).map(lambda time: {"wait": {"for": time}}),
    wait_fors(), wait_fors(), set_fields(), messages(), go_tos(), webhooks(),
    RULES.map(lambda rule: {"filter": rule}),
)  # fmt: skip
