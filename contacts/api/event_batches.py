"""Event/Batch: up to 10,000 events of a list in one call, each with a result of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ninja import Body

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import Collection, Frame, Id, InvalidParameterError, WireOut, WireRequest
from accounts.wire.bodies import ROWS, Rows
from accounts.wire.envelopes import storable
from accounts.wire.errors import MalformedBodyError, WireError
from contacts.actions.errors import BlockedEventError
from contacts.actions.event_batches import NewEvent, raise_events
from contacts.actions.events import event_sku
from contacts.api.events import EVENTS, FURTHEST
from contacts.api.loose import Loose
from contacts.api.reading import read_id
from contacts.identity import normalise_email, normalise_phone, typed_email
from contacts.models import ExternalEvent
from contacts.models.event import ExternalEventStatus

batches = Frame("/conductor/v1", integration="email", tag="Event")

MOST = 10_000
LARGEST_PROPERTIES = 32_768  # bytes of JSON, without spaces between
LONGEST_KEY = 255
STORED, KNOWN_KEY = 201, 200
WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class UnknownContactError(WireError):
    """Nobody has the identifier."""

    status = 404
    error = "ERROR_UNABLE_TO_LOCATE_RESOURCE"
    message = "Unable to locate a contact with the identifier supplied."


class ItemOut(WireOut):
    """
    What became of one event.

    `status` is 201 for a stored one, 200 with the message `duplicate` for a key that was there,
    404 for an unknown contact, 400 for a bad value, which the message names.
    """

    index: int
    status: int
    error: str
    message: str


@dataclass(frozen=True)
class Catalog:
    """The external events of a list, by id and by lower-case name."""

    by_id: dict[int, ExternalEvent]
    by_name: dict[str, ExternalEvent]

    @classmethod
    def of(cls, shown: List) -> "Catalog":
        """Read them."""
        events = list(ExternalEvent.objects.filter(list=shown))
        return cls(
            {event.pk: event for event in events}, {event.name.lower(): event for event in events}
        )

    def find(self, wanted: Any) -> ExternalEvent:
        """
        Return the event of that name, or of that id.

        :raises InvalidParameterError: naming `event`, if the list has none.
        :raises BlockedEventError: for one that is blocked.
        """
        text = str(wanted).strip()
        event = self.by_name.get(text.lower()) if isinstance(wanted, str) else None
        number = None if isinstance(wanted, bool) else read_id(text)
        if event is None and number is not None:
            event = self.by_id.get(number)
        if event is None:
            raise InvalidParameterError("event")
        if event.status == ExternalEventStatus.BLOCKED:
            raise BlockedEventError(message=f"The event {event.name} is blocked.")
        return event


@batches.post(EVENTS + "/Batch", answer=Collection[ItemOut], levels=["Event"], reads=ROWS)
def raise_all(request: WireRequest, list_id: Id, body: Body[Rows[Any]]) -> Collection[ItemOut]:
    """
    Raise up to 10,000 events; each is stored or refused by itself, results in their order.

    An item names its contact by one of `emailAddress`, `phoneNumber`, `externalContactID`, and
    its `event` by id or name; `occurredAt` (default: now) lies at most 24 hours ahead;
    `properties` is an object of at most 32 KB. The same `eventKey` within 7 days is stored
    once. Unknown contacts are refused unless `createContact` is true.
    """
    shown = found_list(list_id)
    catalog = Catalog.of(shown)
    results: list[ItemOut] = []
    for rows in body.batches():
        if len(results) + len(rows) > MOST:
            raise MalformedBodyError(f"At most {MOST} events are taken in one call.")
        results += raise_some(request, shown, catalog, rows, first=len(results))
    return Collection[ItemOut](data=results)


def raise_some(
    request: WireRequest, shown: List, catalog: Catalog, rows: Sequence[Any], *, first: int
) -> list[ItemOut]:
    """Raise the next events; return what became of each."""
    results, events = {}, []
    for index, row in enumerate(rows, first):
        try:
            events.append(read_event(index, row, catalog, request))
        except (WireError, InvalidValueError) as refusal:
            results[index] = refused(index, refusal)
    raised = raise_events(list=shown, events=events, now=request.now, source="api")
    for event in events:
        place = event.place
        if place in raised.stored:
            results[place] = ItemOut(index=place, status=STORED, error="", message="")
        elif place in raised.unknown:
            results[place] = refused(place, UnknownContactError())
        else:
            results[place] = ItemOut(index=place, status=KNOWN_KEY, error="", message="duplicate")
    return [results[index] for index in range(first, first + len(rows))]


def refused(index: int, refusal: WireError | InvalidValueError) -> ItemOut:
    """Write a refusal as the frame would answer it for a single call."""
    if isinstance(refusal, InvalidValueError):
        code = getattr(refusal, "code", "")
        if code.startswith("ERROR_") and code != InvalidParameterError.error:
            return ItemOut(index=index, status=400, error=code, message=refusal.message)
        refusal = InvalidParameterError(refusal.field)
    return ItemOut(index=index, status=refusal.status, error=refusal.error, message=refusal.message)


def read_event(index: int, row: Any, catalog: Catalog, request: WireRequest) -> NewEvent:
    """
    Read one item.

    :raises WireError, InvalidValueError: naming the parameter that cannot be taken.
    """
    if not isinstance(row, dict):
        raise MalformedBodyError("An event is a JSON object.")
    item = Loose(row, "event")
    properties, written = read_properties(item)
    event = NewEvent(
        place=index,
        external_event_id=catalog.find(item.raw("event")).pk,
        occurred_at=read_occurred_at(item, request),
        key=read_key(item),
        properties=written,
        sku=event_sku(properties),
        creates_contact=bool(item.flag("createContact")),
    )
    identify(event, item)
    return event


def identify(event: NewEvent, item: Loose) -> None:
    """Put the one identifier on an event."""
    given = {
        name: item.text(name).strip()
        for name in ("emailAddress", "phoneNumber", "externalContactID")
    }
    named = [name for name, text in given.items() if text]
    if len(named) != 1:
        raise InvalidParameterError("emailAddress")
    text = given[named[0]]
    if named[0] == "emailAddress":
        event.email_norm = normalise_email(text)
        event.email = typed_email(text, event.email_norm)
    elif named[0] == "phoneNumber":
        event.phone_e164 = normalise_phone(text)
    else:
        event.external_id = text


def read_occurred_at(item: Loose, request: WireRequest) -> datetime:
    """Return when it happened, now where nothing is said."""
    occurred_at = item.moment("occurredAt", request.zone) or request.now
    if occurred_at > request.now + FURTHEST:
        raise InvalidParameterError("occurredAt")
    return occurred_at


def read_key(item: Loose) -> str:
    """Return the event's key, "" without one."""
    key = item.text("eventKey").strip()
    if len(key) > LONGEST_KEY:
        raise InvalidParameterError("eventKey")
    return key


def read_properties(item: Loose) -> tuple[dict[str, Any], str]:
    """Return the properties, as far as PostgreSQL can hold them, and as they are written."""
    properties = item.raw("properties")
    if properties is None or properties == []:  # what PHP writes for an empty object
        return {}, "{}"
    if not isinstance(properties, dict):
        raise InvalidParameterError("properties")
    try:
        text = WRITE(properties)
    except (ValueError, RecursionError) as unusable:
        raise InvalidParameterError("properties") from unusable
    if not storable(text) or "\\u0000" in text or len(text.encode()) > LARGEST_PROPERTIES:
        raise InvalidParameterError("properties")
    return properties, text
