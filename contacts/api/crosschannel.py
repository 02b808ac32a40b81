"""
Cross Channel: eventConfigurations, the external events of all lists, and raising them.

Their envelope is their own: `data` and `meta`, and each recipient's status within. An event
is known by a UUID that is made of its id, so that it needs no column and survives a rename.
"""

import json
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import Frame, NotFoundError, WireIn, WireOut, WireRequest, found
from accounts.wire.envelopes import storable
from contacts.actions.errors import BlockedEventError
from contacts.actions.event_batches import NewEvent, raise_events
from contacts.actions.events import event_sku
from contacts.api.event_batches import LARGEST_PROPERTIES
from contacts.identity import normalise_email, normalise_phone
from contacts.models import ExternalEvent
from contacts.models.event import ExternalEventStatus

crosschannel = Frame("/crosschannel/v1", integration="crosschannel", tag="Cross Channel")

EVENTS = "/eventConfigurations"
OK = "OK"
# No identifier is this long; no event has as many people.
MOST_EVENTS = 10_000


class IdentifierIn(WireIn):
    """By what a person is known: EmailAddress, PhoneNumber (MobileContactUid names nobody here)."""

    identifier_value: str
    identifier_type: str


class ChannelEventIn(WireIn):
    """What happened to whom."""

    identifiers: list[IdentifierIn]
    data_fields: dict[str, Any] = {}


class ChannelEventsIn(WireIn):
    """Events of one configuration."""

    events: list[ChannelEventIn] = Field(max_length=MOST_EVENTS)


class Identifier(WireOut):
    """By what a person is known."""

    identifier_value: str
    identifier_type: str


class Problem(WireOut):
    """Why a person's event was not taken."""

    error_type: str
    error_message: str


class Recipient(WireOut):
    """What became of an event: 200, 400 for one that names nobody, 404 for who is not known."""

    identifiers: list[Identifier]
    status_code: int
    errors: list[Problem]


class MetaError(WireOut):
    """What is wrong with a request as a whole."""

    user_message: str
    internal_message: str


class Meta(WireOut):
    """What became of a request as a whole."""

    status_code: int = 200
    message: str = OK
    errors: list[MetaError] = []


class Configuration(WireOut):
    """An external event."""

    event_uid: str = Field(alias="eventUID")
    event_name: str


class ConfigurationDetail(WireOut):
    """An external event; ours takes any properties, so that none are declared."""

    event_uid: str = Field(alias="eventUID")
    event_name: str
    event_schema_attrs: dict[str, str] = {}
    feature_access: list[str] = ["Workflow"]


class Configurations(WireOut):
    """The external events of the account."""

    data: list[Configuration]
    meta: Meta = Meta()


class OneConfiguration(WireOut):
    """An external event."""

    data: ConfigurationDetail
    meta: Meta = Meta()


class Recipients(WireOut):
    """What became of each event."""

    data: list[Recipient]
    meta: Meta = Meta()


def event_uid(event: ExternalEvent) -> str:
    """Return the UUID of an event: its second half is the id, the first a check of it."""
    check = uuid.uuid5(uuid.NAMESPACE_URL, f"event/{event.account_id}/{event.pk}").bytes[:8]
    return str(uuid.UUID(bytes=check + event.pk.to_bytes(8, "big")))


def found_event(uid: str) -> ExternalEvent:
    """
    Return the event of a UUID.

    :raises NotFoundError: if the account has none.
    """
    try:
        wanted = uuid.UUID(uid)
    except ValueError as unreadable:
        raise NotFoundError from unreadable
    event_id = int.from_bytes(wanted.bytes[8:], "big")
    if event_id >= 2**63:
        raise NotFoundError
    event = found(ExternalEvent.objects.select_related("list"), pk=event_id)
    if event_uid(event) != str(wanted):
        raise NotFoundError
    return event


@crosschannel.get(EVENTS, answer=Configurations)
def all_configurations(request: WireRequest) -> Configurations:
    """
    Return the external events of all lists.

    Each is an event configuration, known by a UUID that stays when the event is renamed. These
    routes answer `data` and `meta`, as the vendor's do.
    """
    return Configurations(
        data=[
            Configuration(eventUID=event_uid(row), event_name=row.name)
            for row in ExternalEvent.objects.order_by("pk")
        ]
    )


@crosschannel.get(EVENTS + "/{event_uid}", answer=OneConfiguration)
def one_configuration(request: WireRequest, event_uid: str) -> OneConfiguration:
    """
    Return an external event.

    `eventSchemaAttrs` is empty: an event of ours takes any `dataFields`, up to 32 KB of JSON.
    """
    row = found_event(event_uid)
    detail = ConfigurationDetail(eventUID=str(uuid.UUID(event_uid)), event_name=row.name)
    return OneConfiguration(data=detail)


@crosschannel.post(EVENTS + "/{event_uid}/events", answer={200: Recipients})
def raise_channel_events(request: WireRequest, event_uid: str, body: ChannelEventsIn) -> Recipients:
    """
    Raise an event of many people, each with a status of its own.

    Of an event's identifiers the first address counts; the first number without one, or where
    nobody has the address. It is raised of people that the account knows: of others nobody is
    made, and 404 says so.
    """
    external = found_event(event_uid)
    if external.status == ExternalEventStatus.BLOCKED:
        raise BlockedEventError(message=f"The event {external.name} is blocked.")
    problems: dict[int, tuple[int, Problem]] = {}
    events: list[NewEvent] = []
    for place, given in enumerate(body.events):
        try:
            events.append(read_event(place, given, external, request.now))
        except InvalidValueError as bad:
            problem = Problem(error_type="InvalidValue", error_message=bad.message)
            problems[place] = (400, problem)
    unknown_places = raise_of_known(external, events, numbers_of(body), request.now)
    for place in unknown_places:
        unknown = Problem(error_type="NotFound", error_message="Nobody has these identifiers.")
        problems[place] = (404, unknown)
    return Recipients(
        data=[
            recipient(given, *problems.get(place, (200, None)))
            for place, given in enumerate(body.events)
        ]
    )


def raise_of_known(
    external: ExternalEvent, events: list[NewEvent], numbers: dict[int, str], now: datetime
) -> frozenset[int]:
    """
    Raise events of whom their addresses name, then of whom `numbers` name; return the others.

    `numbers` are E.164 by place: of those events that have one beside an address.
    """
    raised = raise_events(list=external.list, events=events, now=now, source="crosschannel")
    again = [
        replace(event, email="", email_norm="", phone_e164=numbers[event.place])
        for event in events
        if event.place in raised.unknown and event.place in numbers
    ]
    found = raise_events(list=external.list, events=again, now=now, source="crosschannel")
    return raised.unknown - found.stored


def numbers_of(body: ChannelEventsIn) -> dict[int, str]:
    """Return the first number of each event that can be read, in E.164, by the event's place."""
    numbers: dict[int, str] = {}
    for place, given in enumerate(body.events):
        written = named(given).get("phonenumber", "")
        with suppress(InvalidValueError):
            numbers[place] = normalise_phone(written)
    return numbers


def named(given: ChannelEventIn) -> dict[str, str]:
    """Return an event's identifiers by their type in small letters, the first of each."""
    return {
        one.identifier_type.strip().lower(): one.identifier_value
        for one in reversed(given.identifiers)
    }


def recipient(given: ChannelEventIn, status: int, problem: Problem | None) -> Recipient:
    """Write what became of one event."""
    return Recipient(
        identifiers=[
            Identifier(identifier_value=one.identifier_value, identifier_type=one.identifier_type)
            for one in given.identifiers
        ],
        status_code=status,
        errors=[problem] if problem else [],
    )


def read_event(
    place: int, given: ChannelEventIn, external: ExternalEvent, now: datetime
) -> NewEvent:
    """
    Read one event.

    :raises InvalidValueError: for one that names nobody, or whose fields cannot be stored.
    """
    text = json.dumps(given.data_fields, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > LARGEST_PROPERTIES or "\\u0000" in text or not storable(text):
        raise InvalidValueError("dataFields", "The data fields cannot be stored.")
    event = NewEvent(
        place=place,
        external_event_id=external.pk,
        occurred_at=now,
        key="",
        properties=text,
        sku=event_sku(given.data_fields),
        creates_contact=False,
    )
    identifiers = named(given)
    if "emailaddress" in identifiers:
        event.email = identifiers["emailaddress"]
        event.email_norm = normalise_email(event.email)
    elif "phonenumber" in identifiers:
        event.phone_e164 = normalise_phone(identifiers["phonenumber"])
    else:
        raise InvalidValueError(
            "identifiers", "One identifier at least is an EmailAddress or a PhoneNumber."
        )
    return event
