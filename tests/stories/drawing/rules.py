"""Rules: small ones, on fields, events, purchases, segments, how somebody came."""

from typing import Any

from hypothesis import strategies as st

from tests.stories.drawing.basics import pick
from tests.stories.story import EVENTS


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
            {"message": {"did": "bounced"}},
            {"message": {"did": "converted", "within": "P1M"}},
            {"sms": {"did": "replied", "since": "entry"}},
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
