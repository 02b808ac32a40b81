"""What happens in a story: act by act."""

from typing import Any

from hypothesis import strategies as st

from tests.stories.drawing.basics import PROFILE, pick
from tests.stories.drawing.conversations import conversations
from tests.stories.story import CLUB, EVENTS, LIST

STEPS_OF_TIME = [
    "PT1S", "PT10M", "PT1H", "PT6H", "PT24H", "P1D", "P1D", "P2D", "P3D", "P1W", "P1M", "P4M",
]  # fmt: skip
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
