"""External events: name them, block them, raise them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from contacts.actions import errors, facts
from contacts.actions.texts import clean_name, clean_properties
from contacts.models import Contact, Event, EventGroup, ExternalEvent
from contacts.models.event import ExternalEventStatus

LONGEST_SKU = 100
BLANKS = " \t\n\r"
# Of `{properties}`, an SQL expression of jsonb.
SKU_OF = (
    "CASE WHEN jsonb_typeof({properties} -> 'sku') = 'string' "
    "OR ({properties} ->> 'sku') ~ '^-?[0-9]+$' "
    f"THEN left(btrim({{properties}} ->> 'sku', E' \\t\\n\\r'), {LONGEST_SKU}) ELSE '' END"
)


def create_external_event(
    *,
    list: List,
    name: str,
    now: datetime,
    status: str = ExternalEventStatus.ACTIVE.value,
    group: EventGroup | None = None,
    by: User | ApiClient | None = None,
) -> ExternalEvent:
    """
    Name a kind of event on a list.

    :raises InvalidValueError: field `eventName` for an empty, too long or taken name,
        `status` for an unknown one.
    """
    name = clean_name("eventName", name)
    _check_name(list, name)
    made = ExternalEvent.objects.create(
        list=list, name=name, status=_read_status(status), group=group, created_at=now
    )
    record(verb="created", noun="external event", object_id=made.pk, now=now, by=by)
    return made


def update_external_event(
    *,
    external_event: ExternalEvent,
    now: datetime,
    name: str | None = None,
    status: str | None = None,
    by: User | ApiClient | None = None,
) -> ExternalEvent:
    """
    Rename, block or free an external event; None leaves as it is.

    :raises InvalidValueError: as `create_external_event`.
    """
    if name is not None:
        external_event.name = clean_name("eventName", name)
        _check_name(external_event.list, external_event.name, other_than=external_event.pk)
    if status is not None:
        external_event.status = _read_status(status)
    external_event.save()
    record(verb="updated", noun="external event", object_id=external_event.pk, now=now, by=by)
    return external_event


def find_events(*, list: List, event_ids: Sequence[int]) -> list[ExternalEvent]:
    """
    Return the external events of a list by id, in the given order.

    :raises InvalidValueError: field `eventIds` for one that the list has not.
    :raises BlockedEventError: for one that is blocked.
    """
    if not event_ids:
        return []
    found = ExternalEvent.objects.filter(list=list).in_bulk(event_ids)
    for event_id in event_ids:
        if event_id not in found:
            raise InvalidValueError("eventIds", f"The list has no external event {event_id}.")
        _check_active(found[event_id])
    return [found[event_id] for event_id in event_ids]


def raise_event(
    *,
    external_event: ExternalEvent,
    contact: Contact,
    now: datetime,
    source: str,
    occurred_at: datetime | None = None,
    properties: Mapping[str, Any] | None = None,
    depth: int = 0,
) -> Event:
    """
    Record that an external event happened to a contact, and tell who listens.

    `occurred_at` (default: now) is the event's time, `now` ours: it counts when both have
    come. Each call is an event of its own. `source` is api, page, import or action.

    :raises BlockedEventError: for a blocked event.
    :raises InvalidValueError: for properties that cannot be stored.
    """
    _check_active(external_event)
    cleaned = clean_properties(properties)
    event = Event.objects.create(
        list_id=external_event.list_id,
        contact_id=contact.pk,
        external_event_id=external_event.pk,
        occurred_at=occurred_at or now,
        recorded_at=now,
        source=source,
        properties=cleaned,
        sku=event_sku(cleaned),
    )
    facts.announce_event(event=event, depth=depth)
    return event


def event_sku(properties: Mapping[str, Any]) -> str:
    """
    Return the product that an event is about: its property `sku`, as it is stored.

    Alerts on products look events up by it. A number is taken as text; anything else is "".
    `SKU_OF` is the SQL twin.
    """
    sku = properties.get("sku")
    if isinstance(sku, bool) or not isinstance(sku, str | int):
        return ""
    return str(sku).strip(BLANKS)[:LONGEST_SKU]


def _check_active(external_event: ExternalEvent) -> None:
    if external_event.status == ExternalEventStatus.BLOCKED:
        raise errors.BlockedEventError(message=f"The event {external_event.name} is blocked.")


def _check_name(list: List, name: str, *, other_than: int = 0) -> None:
    taken = ExternalEvent.objects.filter(list=list, name__iexact=name).exclude(pk=other_than)
    if taken.exists():
        raise InvalidValueError("eventName", f"The list has an event named {name} already.")


def _read_status(text: str) -> str:
    for status in ExternalEventStatus.values:
        if status.lower() == text.strip().lower():
            return status
    raise InvalidValueError("status", "An event is Active or Blocked.")
