"""What lets people in: triggers, and the acts that knock at them."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.stories.drawing.basics import pick

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
