"""Everything that happened to one contact, newest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import List
from accounts.templatetags.ui import lower_first
from conductor.conversations.explaining import ended_words
from conductor.conversations.models import Enrollment
from contacts.models import Contact, Event, ExternalEvent, Order, Subscription
from messaging.eligibility import sentence
from messaging.models import Delivery

PAGE = 40

# What let somebody into a conversation, by the fact's kind, where its name alone is no words.
ENTERED = {
    "external_event": "by an external event",
    "subscribed": "by subscribing",
    "resubscribed": "by subscribing again",
    "profile_updated": "by a profile update",
    "address_changed": "by a change of address",
    "segment_entered": "by entering a segment",
    "segment_left": "by leaving a segment",
    "order": "by an order",
    "back_in_stock": "by a product back in stock",
    "price_drop": "by a price drop",
    "low_stock": "by a product low in stock",
    "import": "by import",
    "date": "by a date",
    "enroll": "by another conversation",
    "by_hand": "by hand",
}


@dataclass(frozen=True)
class Moment:
    """One thing on the time line."""

    at: datetime
    kind: str
    family: str
    icon: str
    what: str
    detail: str = ""
    state: str = ""


def timeline(
    *, contact: Contact, in_list: List, before: datetime | None, kind: str = ""
) -> tuple[list[Moment], datetime | None]:
    """
    Return up to `PAGE` moments before an instant, and the instant to go on from.

    Every source gives its newest `PAGE` at most, so that a page costs the same however
    long the history is.
    """
    sources: dict[str, Callable[[Contact, List, datetime | None], Iterable[Moment]]] = {
        "orders": orders,
        "events": events,
        "messages": deliveries,
        "conversations": conversations,
        "subscriptions": subscriptions,
    }
    chosen = [sources[kind]] if kind in sources else list(sources.values())
    found = [moment for source in chosen for moment in source(contact, in_list, before)]
    found.sort(key=lambda moment: (moment.at, place(moment)), reverse=True)
    shown = found[:PAGE]
    return shown, shown[-1].at if len(found) > PAGE else None


def place(moment: Moment) -> int:
    """Return what comes after what at one instant: somebody enters, is written to, and leaves."""
    if moment.family == "end":
        return 3
    return {"conversations": 1, "messages": 2}.get(moment.kind, 0)


def until(before: datetime | None, **bounds: str) -> dict[str, Any]:
    """Return the filter that keeps what lies before the page's bound."""
    return {f"{bounds['field']}__lt": before} if before else {}


def orders(contact: Contact, _: List, before: datetime | None) -> Iterable[Moment]:
    """Return the contact's orders, whatever their list."""
    found = Order.objects.filter(contact=contact, **until(before, field="ordered_at"))
    for order in found.prefetch_related("items").order_by("-ordered_at")[: PAGE + 1]:
        items = order.items.all()
        yield Moment(
            order.ordered_at,
            "orders",
            "action",
            "shopping-cart",
            f"Order {order.order_number}: {order.total:,.2f}",
            ", ".join(f"{item.quantity} × {item.sku}" for item in items[:5])  # noqa: RUF001
            + (" …" if len(items) > 5 else ""),
            order.get_status_display(),
        )


def events(contact: Contact, _: List, before: datetime | None) -> Iterable[Moment]:
    """Return the external events raised for the contact."""
    found = Event.objects.filter(contact_id=contact.pk, **until(before, field="occurred_at"))
    rows = list(found.order_by("-occurred_at")[: PAGE + 1])
    names = ExternalEvent.objects.in_bulk({row.external_event_id for row in rows})
    for row in rows:
        known = names.get(row.external_event_id)
        properties = ", ".join(f"{key}: {value}" for key, value in row.properties.items())
        yield Moment(
            row.occurred_at,
            "events",
            "entry",
            "bolt",
            known.name if known else "An external event since deleted",
            f"by {lower_first(row.source)}" + (f" · {properties}" if properties else ""),
        )


def deliveries(contact: Contact, in_list: List, before: datetime | None) -> Iterable[Moment]:
    """Return the messages of the list to the contact."""
    found = Delivery.objects.filter(
        contact=contact, list=in_list, **until(before, field="queued_at")
    ).select_related("message")
    for row in found.order_by("-queued_at", "-pk")[: PAGE + 1]:
        name = row.message.name if row.message else ""
        words = "Text message" if row.channel == "sms" else "Email"
        yield Moment(
            row.queued_at,
            "messages",
            "message",
            "device-mobile" if row.channel == "sms" else "mail",
            f"{words} “{name}”" if name else words,
            " · ".join(
                filter(
                    None,
                    [
                        row.address,
                        sentence(row.reason) if row.reason else "",
                        "test" if row.is_test else "",
                    ],
                )
            ),
            row.state,
        )


def conversations(contact: Contact, _: List, before: datetime | None) -> Iterable[Moment]:
    """Return entries into conversations and their ends."""
    inside = Enrollment.objects.filter(contact_id=contact.pk).select_related("conversation")
    for row in inside.filter(**until(before, field="entered_at")).order_by("-entered_at")[
        : PAGE + 1
    ]:
        yield Moment(
            row.entered_at,
            "conversations",
            "entry",
            "route",
            f"Entered {row.conversation.name}",
            f"Thread {row.entry_thread}, {entered_words(row.entry_kind)}",
            test_word(row),
        )
    ended = inside.filter(ended_at__isnull=False, **until(before, field="ended_at"))
    for row in ended.order_by("-ended_at")[: PAGE + 1]:
        if row.ended_at is not None:
            yield Moment(
                row.ended_at,
                "conversations",
                "end",
                "flag",
                f"Left {row.conversation.name}",
                ended_words(row.end_reason),
                test_word(row),
            )


def subscriptions(contact: Contact, _: List, before: datetime | None) -> Iterable[Moment]:
    """Return when the contact came to lists and left them."""
    for row in Subscription.objects.filter(contact=contact).select_related("list"):
        for at, word, method, icon in (
            (row.subscribed_at, "Subscribed to", row.subscribe_method, "user-plus"),
            (row.resubscribed_at, "Subscribed again to", row.subscribe_method, "user-plus"),
            (row.unsubscribed_at, "Unsubscribed from", row.unsubscribe_method, "circle-minus"),
        ):
            if at is not None and (before is None or at < before):
                yield Moment(
                    at,
                    "subscriptions",
                    "decision",
                    icon,
                    f"{word} {row.list.name}",
                    f"by {lower_first(method)}" if method else "",
                )


def entered_words(kind: str) -> str:
    """Say what let somebody into a conversation, by the kind of the fact."""
    return ENTERED.get(kind, f"by {kind.replace('_', ' ')}")


def test_word(row: Enrollment) -> str:
    """Return the state that marks a stay of a test run; "" for a real one."""
    return "" if row.conversation.rehearsal_of_id is None else "test"
