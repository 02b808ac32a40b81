"""A story as plain data: who there is, what is drawn, and what happens in time."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import yaml

LIST, CLUB = "Store Customers", "Club"
FIELDS = {
    "Profile.Note": "Text",
    "Profile.Group": "Text",
    "Profile.Mobile": "Text",
    "Profile.Code": "Text",
    "Profile.Points": "Numeric",
    "Profile.Renewal": "Date",
    "Profile.Birthday": "Date",
    "Profile.Vip": "CheckBox",
    "Profile.Tier": "RadioButton",
}
EVENTS = ["Order Imported", "Cart"]
CODE, PHONE_LIST, MESSAGE = "54321", "Transactional", "We miss you"
# The other side of webhooks: it answers an attempt by the attempt's turn, as its path says.
SHOP = "http://shop.example"
# By name, what create_pool is told, and the codes with their dates.
POOLS: dict[str, dict[str, Any]] = {
    "Welcome": {"codes": 2},
    "Winter": {"codes": 2, "expires_on": date(2026, 12, 1), "cutoff_days": 7, "fallback": "ICE"},
    "Season": {"kind": "static", "lasts": (date(2026, 11, 1), date(2027, 1, 31))},
}
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
MUCH = 1000


@dataclass
class Story:
    """
    What a test tells.

    `rules`: what the account allows itself, as the oracle's `Rules`.

    `people`: by name, {email, phone, first_name, time_zone, birthday, state, profile, lists}.
    `conversations`: files, published in this order before anything happens. `segments`: by
    name, a rule, or None for one kept by hand. `acts` in order; a clock act ticks until
    nothing moves:

        ("event", who, name[, {properties, ago, ahead}])    ("profile", who, {field: value})
        ("subscribe", who[, list])    ("unsubscribe", who[, list])    ("address", who, new)
        ("order", who, number, status, total, ago)    ("contact", who, {column: value})
        ("consent", number, state)    ("member" | "no member", who, segment)
        ("pause" | "resume", conversation)    ("publish", file)
        ("import", who, {field: value}, "starts" | "")    ("product", sku, {quantity | price})
        ("enter" | "end" | "move on" | "skip", who, conversation): by hand
        ("retry" | "end held", conversation): those who are held    ("stop", who)
        ("send",)    ("receipt", who, conversation, step, kind)    ("reply", who, text)
        ("erase", who): from then on nothing befalls them
        ("clock", duration)    ("through", duration): from due time to due time
    """

    people: dict[str, dict[str, Any]]
    conversations: list[dict[str, Any]]
    acts: list[tuple[Any, ...]]
    segments: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    zone: str = "America/New_York"
    starts: datetime = NOON
    # How much a tick takes up at most: little is cut in the middle.
    limit: int = MUCH

    def __repr__(self) -> str:
        """Write it as a person reads it."""
        flow: dict[str, Any] = {"sort_keys": False, "width": 120, "allow_unicode": True}
        people = "".join(f"    {name}: {about}\n" for name, about in self.people.items())
        files = "".join(_file(one) for one in self.conversations)
        acts = "".join(f"    {act}\n" for act in self.acts if act[0] != "publish")
        later = "".join(f"later:\n{_file(act[1])}" for act in self.acts if act[0] == "publish")
        segments = yaml.safe_dump(self.segments, **flow) if self.segments else ""
        rules = f"rules: {self.rules}\n" if self.rules else ""
        return (
            f"\nzone {self.zone}, from {self.starts}, {self.limit} a tick\n{rules}{segments}people:\n{people}{files}"
            f"acts:\n{acts}{later}"
        )

    def _repr_pretty_(self, printer: Any, _cycle: Any) -> None:
        """Let Hypothesis write it so, too."""
        printer.text(repr(self))


def _file(structure: dict[str, Any]) -> str:
    lines = []
    for name, value in structure.items():
        if name != "threads":
            lines.append(f"  {name}: {_flow(value)}")
    for thread in structure["threads"]:
        lines.append(f"  - thread: {thread['thread']}")
        lines += [f"      - {_flow(step)}" for step in thread["steps"]]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
