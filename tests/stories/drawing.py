"""
Stories drawn at random: small, readable, and shrinking to what matters.

What is left out of a story stands first among what is drawn from, so that failing stories
shrink to the settings that make them fail.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from tests.oracle.acts import Segment
from tests.oracle.conversations import Version
from tests.oracle.steps import SCRIPTS
from tests.stories.story import CLUB, CODE, EVENTS, LIST, MESSAGE, PHONE_LIST, POOLS, SHOP, Story

Draw = Any
Found = dict[str, Any]
DURATIONS = ["PT1S", "PT90M", "PT24H", "P1D", "P1D", "P3D", "P1W", "P1M", "P1M2DT3H"]
STEPS_OF_TIME = [
    "PT1S", "PT10M", "PT1H", "PT6H", "PT24H", "P1D", "P1D", "P2D", "P3D", "P1W", "P1M", "P4M",
]  # fmt: skip
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


@st.composite
def pick(draw: Draw, *strategies: Any) -> Any:
    """Draw from one of several, each as likely: `one_of` counts the branches inside them."""
    return draw(strategies[draw(st.integers(0, len(strategies) - 1))])


SEGMENTS: dict[str, Any] = {
    "Rich": {"field": "Profile.Points", "at_least": 3},
    "Lately": {"event": {"name": "Cart", "within": "P3D"}},
    "Chosen": None,
}
SEGMENT_NAMES = {name: Segment(name, LIST, rule) for name, rule in SEGMENTS.items()}

# --- rules


def compared(name: str, values: list[Any]) -> Any:
    """Draw one operator with a value."""
    return st.sampled_from(values).map(lambda value: {name: value})


def field_leaves() -> Any:
    """Draw a rule on a field."""
    points: Any = st.sampled_from([
        {"at_least": 3}, {"is": 7}, {"less_than": 3}, {"empty": True}, {"between": [1, 7]},
    ])  # fmt: skip
    dates: Any = st.sampled_from([
        {"empty": False}, {"in_next": "P7D"}, {"in_last": "P1M"}, {"anniversary_in": "P3D"},
        {"after": "2026-12-01"}, {"month": 2}, {"weekday": "mon"},
    ])  # fmt: skip
    notes: Any = st.sampled_from([
        {"is": "hi"}, {"is_not": "hi"}, {"empty": True}, {"contains": "an"}, {"in": ["hi", "7"]},
    ])  # fmt: skip
    return pick(
        points.map(lambda rule: {"field": "Profile.Points", **rule}),
        st.booleans().map(lambda value: {"field": "Profile.Vip", "checked": value}),
        notes.map(lambda rule: {"field": "Profile.Note", **rule}),
        dates.map(lambda rule: {"field": "Profile.Renewal", **rule}),
    )


# Each conversation has a step s0; a trigger's filter and the steps before it ask in vain.
WINDOWS = st.sampled_from([
    {}, {"within": "PT1H"}, {"within": "P3D"}, {"since": "entry"}, {"since": "s0"},
])  # fmt: skip


def leaves() -> Any:
    """Draw a leaf."""
    return pick(
        field_leaves(),
        field_leaves(),
        st.builds(
            lambda window, name: {"event": {"name": name, **window}},
            WINDOWS,
            st.sampled_from(EVENTS),
        ),
        st.builds(
            lambda window, count: {"purchase": {**window, **count}},
            WINDOWS,
            st.sampled_from([{}, {"count": {"at_most": 0}}, {"total": {"at_least": 50}}]),
        ),
        st.sampled_from([
            {"subscription": {"state": "Subscribed"}},
            {"subscription": {"state": "Unsubscribed"}},
            {"subscription": {"state": "Subscribed", "within": "P3D"}},
            {"entry": {"event": "Cart"}},
            {"entry": {"thread": "Main"}},
            {"entry": {"property": {"name": "total", "at_least": 50}}},
            {"segment": "Rich"},
            {"segment": "Lately"},
            {"segment": "Chosen"},
            {"message": {"did": "opened", "within": "P3D"}},
            {"message": {"did": "sent", "count": {"at_least": 2}}},
            {"contact": "first_name", "is": "Grace"},
            {"contact": "time_zone", "empty": True},
        ]),
    )  # fmt: skip


def rules() -> Any:
    """Draw a small rule."""
    leaf = leaves()
    return pick(
        leaf,
        leaf,
        leaf.map(lambda rule: {"not": rule}),
        st.lists(leaf, min_size=1, max_size=2).map(lambda inner: {"all": inner}),
        st.lists(leaf, max_size=2).map(lambda inner: {"any": inner}),
    )


BY_TIME = ("within", "in_last", "in_next", "anniversary_in", "Lately")
RULES = rules()
# Those that the clock alone never turns true.
TIMELESS = RULES.filter(lambda rule: not any(f"'{name}'" in str(rule) for name in BY_TIME))


# --- steps


EVENT_TRIGGERS = st.sampled_from([
    {"external_event": "Cart"}, {"external_event": "Order Imported"},
    {"external_event": ["Cart", "Order Imported"]},
])  # fmt: skip
LIST_TRIGGERS = st.sampled_from([
    {"list": "subscribed"}, {"list": "resubscribed"}, {"list": "profile_updated"},
    {"list": "profile_updated", "fields": ["Profile.Note", "Profile.Points"]},
    {"list": "address_changed"},
])  # fmt: skip
ORDER_TRIGGERS = st.sampled_from([
    {"order": {"status": "Completed"}}, {"order": {}},
    {"order": {"status": ["Shipped", "Completed"], "max_age": "P1D"}},
])  # fmt: skip
SEGMENT_TRIGGERS = st.sampled_from([
    {"segment": {"name": "Rich", "on": "entered"}},
    {"segment": {"name": "Rich", "on": "left"}},
    {"segment": {"name": "Lately", "on": "left"}},
    {"segment": {"name": "Lately", "on": "entered", "include_existing": True}},
    {"segment": {"name": "Chosen", "on": "entered"}},
])  # fmt: skip
DATE_TRIGGERS = st.sampled_from([
    {"date": {"field": "Profile.Birthday"}},
    {"date": {"field": "Profile.Birthday", "offset": "-P1D", "at": "09:00"}},
    {"date": {"field": "Profile.Renewal", "at": "02:30"}},
])  # fmt: skip
PRODUCT_TRIGGERS = st.sampled_from([
    {"product": {change: {"event": "Cart", "within": within}}}
    for change in ("back_in_stock", "price_drop", "low_stock")
    for within in ("P7D", "PT1H")
])  # fmt: skip
IMPORT_TRIGGER = st.just({"import": True})
TRIGGERS = pick(
    EVENT_TRIGGERS, EVENT_TRIGGERS, EVENT_TRIGGERS, LIST_TRIGGERS, ORDER_TRIGGERS,
    SEGMENT_TRIGGERS, DATE_TRIGGERS, PRODUCT_TRIGGERS, IMPORT_TRIGGER,
)  # fmt: skip


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


@st.composite
def wait_fors(draw: Draw) -> dict[str, Any]:
    """Draw a wait for something."""
    timeout = draw(st.sampled_from(["PT1H", "P1D", "P3D", "P1M"]))
    way = draw(st.sampled_from(["event", "event", "order", "message", "filter", "filter"]))
    config: dict[str, Any]
    if way == "filter":
        return {"wait_for": {"filter": draw(TIMELESS), "timeout": timeout}}
    if way == "event":
        config = {"event": draw(st.sampled_from(EVENTS))}
    elif way == "order":
        config = {"order": draw(st.sampled_from([{}, {"status": "Shipped"}]))}
    else:
        config = {"message": {"did": draw(st.sampled_from(["opened", "sent"]))}}
        if draw(st.booleans()):
            config["message"]["step"] = "s0"
    if way != "message" and draw(st.integers(0, 2)) == 2:
        config["where"] = {"name": "total", "at_least": 50}
    return {"wait_for": {**config, "timeout": timeout}}


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


@st.composite
def messages(draw: Draw) -> dict[str, Any]:
    """Draw a message."""
    if draw(st.booleans()):
        return {"message": {"saved_message": MESSAGE}}
    config = {"short_code": CODE, "phone_list": PHONE_LIST, "text": "Hi"}
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


SIZES = [[1], [2], [3], [3], [4], [4], [5], [6], [8], [3, 2], [4, 3], [2, 2, 2]]


# What waits, wakes and ends: stories of little else find what the broad ones seldom come to.
WAITING = pick(
    st.sampled_from(["PT10M", "PT1H", "P1D"]).map(lambda time: {"wait": {"for": time}}),
    wait_fors(), wait_fors(), set_fields(), messages(), go_tos(), webhooks(),
    RULES.map(lambda rule: {"filter": rule}),
)  # fmt: skip
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


# --- what happens


PROPERTIES = [
    {}, {}, {}, {"properties": {"total": 60}}, {"properties": {"sku": "SHOE"}},
    {"ago": "P2D"}, {"ahead": "PT1H"},
]  # fmt: skip


def happenings(people: list[str], files: list[dict[str, Any]]) -> Any:
    """Draw one thing that happens."""
    who = st.sampled_from(people)
    titles = [file["conversation"] for file in files]
    mails = [
        (file["conversation"], step["key"])
        for file in files
        for thread in file["threads"]
        for step in thread["steps"]
        if "message" in step
    ]
    events = st.tuples(
        st.just("event"), who, st.sampled_from(EVENTS), st.sampled_from(PROPERTIES)
    ).map(lambda act: act if act[3] else act[:3])
    clocks = st.tuples(
        st.sampled_from(["clock", "clock", "through"]), st.sampled_from(STEPS_OF_TIME)
    )
    profiles = [
        {name: value} for name, values in sorted(PROFILE.items()) for value in [*values, None]
    ]
    orders = st.builds(
        lambda person, number, status, total, ago: (
            "order", person, f"{number}-{person}", status, total, ago
        ),
        who, st.sampled_from(["A1", "A2"]), st.sampled_from(["Completed", "Shipped", "Canceled"]),
        st.sampled_from([10, 60]), st.sampled_from(["PT0S", "P1D", "P5D"]),
    )  # fmt: skip
    found = [
        events, events, events, events, clocks, clocks, clocks, clocks,
        st.tuples(st.just("profile"), who, st.sampled_from(profiles)),
        st.tuples(st.just("profile"), who, st.sampled_from(profiles)),
        orders, orders,
        st.tuples(
            st.sampled_from(["subscribe", "unsubscribe"]), who, st.sampled_from([LIST, LIST, CLUB])
        ),
        st.tuples(st.sampled_from(["pause", "resume"]), st.sampled_from(titles)),
        st.tuples(st.sampled_from(["member", "no member"]), who, st.just("Chosen")),
        who.map(lambda person: ("address", person, f"{person}2")),
        st.tuples(
            st.just("contact"), who,
            st.sampled_from([{"first_name": "Grace"}, {"time_zone": "Asia/Tokyo"}, {"time_zone": ""}]),
        ),
        st.just(("send",)),
        st.tuples(
            st.sampled_from(["enter", "move on", "skip", "end"]), who, st.sampled_from(titles)
        ),
        st.tuples(st.sampled_from(["retry", "end held"]), st.sampled_from(titles)),
        who.map(lambda person: ("stop", person)),
        st.tuples(
            st.just("import"), who, st.sampled_from([{}, {"Profile.Note": "new"}]),
            st.sampled_from(["starts", ""]),
        ),
        st.tuples(
            st.just("product"), st.sampled_from(["SHOE", "BOOT"]),
            st.sampled_from([{"quantity": 0}, {"quantity": 11}, {"quantity": 5}, {"price": 5}]),
        ),
        conversations("C1").map(lambda file: ("publish", file)),
    ]  # fmt: skip
    if mails:
        receipts = st.builds(
            lambda person, mail, did: ("receipt", person, *mail, did),
            who, st.sampled_from(mails), st.sampled_from(["opened", "clicked"]),
        )  # fmt: skip
        found += [receipts, receipts]
    return pick(*found)


def knocks(trigger: Any, who: str) -> list[tuple[Any, ...]]:
    """Return what lets somebody in by a trigger."""
    kind = next(name for name in trigger if name != "filter")
    return KNOCKS[kind](trigger[kind], who) if kind in KNOCKS else []


def knock_on_list(kind: str, who: str) -> list[tuple[Any, ...]]:
    """Return what lets in by how somebody stands with the list."""
    if kind == "profile_updated":
        return [("profile", who, {"Profile.Note": "new"})]
    if kind == "address_changed":
        return [("address", who, f"{who}2")]
    return [("unsubscribe", who), ("subscribe", who)]


def knock_by_order(wanted: dict[str, Any], who: str) -> list[tuple[Any, ...]]:
    """Return an order of a status that is waited for."""
    statuses = wanted.get("status", "Completed")
    status = statuses if isinstance(statuses, str) else statuses[0]
    return [("order", who, f"A1-{who}", status, 60, "PT6H")]


def knock_by_segment(wanted: dict[str, Any], who: str) -> list[tuple[Any, ...]]:
    """Return what brings somebody into a segment."""
    inside: dict[str, tuple[Any, ...]] = {
        "Chosen": ("member", who, "Chosen"),
        "Rich": ("profile", who, {"Profile.Points": 7}),
        "Lately": ("event", who, "Cart"),
    }
    # Whoever is to leave it again has to be seen inside first.
    return [inside[wanted["name"]], *([("clock", "PT0S")] if wanted["on"] == "left" else [])]


def knock_by_product(_wanted: dict[str, Any], who: str) -> list[tuple[Any, ...]]:
    """Return a product that somebody asked for, and all that may become of it."""
    return [
        ("event", who, "Cart", {"properties": {"sku": "SHOE"}}),
        ("product", "SHOE", {"quantity": 0, "price": 20}),
        ("product", "SHOE", {"quantity": 20, "price": 10}),
        ("product", "SHOE", {"quantity": 5}),
    ]


KNOCKS: dict[str, Callable[[Any, str], list[tuple[Any, ...]]]] = {
    "external_event": lambda name, who: [
        ("event", who, name if isinstance(name, str) else name[-1])
    ],
    "list": knock_on_list,
    "order": knock_by_order,
    "segment": knock_by_segment,
    "product": knock_by_product,
    "import": lambda _wanted, who: [("import", who, {"Profile.Note": "hi"}, "starts")],
}


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
def stories(draw: Draw) -> Story:
    """Draw a story."""
    number = draw(st.sampled_from([1, 1, 1, 2, 2, 3]))
    waits_only = draw(st.integers(0, 3)) == 3
    files = [draw(conversations(f"C{place + 1}", waits_only=waits_only)) for place in range(number)]
    who = draw(people())
    consents = [
        ("consent", NUMBERS[name], state)
        for name in sorted(who)
        for state in draw(st.sampled_from([[], ["Subscribed"], ["Pending"], ["Unsubscribed"]]))
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
        zone=draw(st.sampled_from(ZONES)),
        starts=draw(st.sampled_from(STARTS)),
    )
