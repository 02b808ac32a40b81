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
    mails, texts = sent_by(files, "message"), sent_by(files, "mobile_message")
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
        who.map(lambda person: ("erase", person)),
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
        came_back = receipts(
            who, mails, ["opened", "clicked", "opened", "clicked", "read", "bounced"]
        )
        found += [came_back, came_back]
    if texts:
        replies = st.tuples(st.just("reply"), who, st.sampled_from(["Where is it?", "stop"]))
        found += [receipts(who, texts, ["clicked"]), replies]
    return pick(*found)


def sent_by(files: list[dict[str, Any]], kind: str) -> list[tuple[str, str]]:
    """Return the steps of a kind: their conversations and keys."""
    return [
        (file["conversation"], step["key"])
        for file in files
        for thread in file["threads"]
        for step in thread["steps"]
        if kind in step
    ]


def receipts(who: Any, steps: list[tuple[str, str]], kinds: list[str]) -> Any:
    """Draw what comes back of a message."""
    return st.builds(
        lambda person, step, did: ("receipt", person, *step, did),
        who,
        st.sampled_from(steps),
        st.sampled_from(kinds),
    )
