"""Who is who, what they have done, and what of it is told to the conversations."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.contacts.filters.oracle import Bought

SUBSCRIBED, UNSUBSCRIBED, PENDING = "Subscribed", "Unsubscribed", "Pending"


@dataclass(eq=False)
class Fact:
    """Something that happened to a person, as a conversation hears of it."""

    kind: str
    person: "Person"
    in_list: str
    recorded_at: datetime
    occurred_at: datetime
    name: str = ""  # of the external event or the segment
    method: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    depth: int = 0
    only: str = ""  # the key of the only trigger that is meant
    # The enrollment whose action wrote it.
    by: Any = None
    # Whether it may let somebody in, or only asks those inside again.
    role: str = "trigger"
    # When we heard of it; it counts from `recorded_at`, once it has occurred, too.
    told_at: Any = None
    # What else tells it apart from others of its kind and instant.
    about: str = ""

    def for_watching(self) -> "Fact":
        """Return it as those inside hear of it."""
        return replace(self, role="watch")


@dataclass
class Standing:
    """A person on a list."""

    id: int
    state: str = SUBSCRIBED
    created_at: datetime | None = None
    subscribed_at: datetime | None = None
    resubscribed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    subscribe_method: str = ""
    unsubscribe_method: str = ""
    profile: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return what rules ask of it."""
        names = (
            "state", "created_at", "subscribed_at", "resubscribed_at", "unsubscribed_at",
            "subscribe_method", "unsubscribe_method",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


@dataclass
class Order(Bought):
    """An order with what is told of it."""

    number: str = ""
    statuses: list[tuple[str, datetime]] = field(default_factory=list)
    # The receipt that says to which message it is ascribed.
    converted: Any = None


@dataclass(eq=False)
class Person:
    """A contact: what is known of it, where it is subscribed, what happened to it."""

    name: str
    id: int = 0
    email: str = ""
    phone: str = ""
    external_id: str = ""
    first_name: str = ""
    time_zone: str = ""
    birthday: date | None = None
    lists: dict[str, Standing] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    receipts: list[Any] = field(default_factory=list)
    # How deep in a chain the facts were since segments were last asked.
    touched_depth: int = 0
    is_erased: bool = False

    def columns(self) -> dict[str, Any]:
        """Return what rules ask of the person."""
        return {
            "email_norm": self.email.lower(),
            "phone_e164": self.phone,
            "external_id": self.external_id,
            "first_name": self.first_name,
            "last_name": "",
            "time_zone": self.time_zone,
            "locale": "",
            "postal_code": "",
            "birthday": self.birthday,
        }


def empty(value: Any) -> bool:
    """Whether a value of a profile is none."""
    return value is None or value == ""


def money(text: Any) -> Decimal:
    """Return an amount."""
    return Decimal(str(text)).quantize(Decimal("0.01"))
