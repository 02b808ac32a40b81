"""Event: the external events of a list; and, beyond the wire, raising one."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from pydantic import Field, field_validator

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    updated,
)
from contacts import actions
from contacts.actions import event_groups
from contacts.api.reading import read_id, read_time
from contacts.models import Contact, EventGroup, ExternalEvent, Subscription

events = Frame("/email/v1", integration="email", tag="Event")
raising = Frame("/conductor/v1", integration="email", tag="Event")

FURTHEST = timedelta(hours=24)  # that an event may lie ahead

EVENTS = "/List/{list_id}/Event"
LEVELS = ["Event", "List"]


class EventIn(WireIn):
    """An external event to be."""

    event_name: str
    event_group_id: int = 0
    status: str = "Active"


class EventOut(WireOut):
    """An external event; no group is group 0."""

    event_id: int
    event_name: str
    event_group_id: int
    status: str


class RaiseIn(WireIn):
    """What happened to whom: one identifier, the event's id or name, when, and what of it."""

    email_address: str = ""
    phone_number: str = ""
    external_contact_id: str = Field("", alias="externalContactID")
    event: int | str
    occurred_at: str = ""
    properties: dict[str, Any] = {}

    @field_validator("event", mode="before")
    @classmethod
    def no_truth(cls, given: Any) -> Any:
        """Take no true for event 1."""
        if isinstance(given, bool):
            raise ValueError("no event")
        return given


def events_of(list_id: int) -> "QuerySet[ExternalEvent]":
    """Return the external events of a list."""
    return ExternalEvent.objects.filter(list=found_list(list_id)).order_by("pk")


def event_out(event: ExternalEvent) -> EventOut:
    """Write an external event as the wire has it."""
    return EventOut(
        event_id=event.pk,
        event_name=event.name,
        event_group_id=event.group_id or 0,
        status=event.status,
    )


@events.get(EVENTS, answer=Collection[EventOut], levels=LEVELS)
def all_events(request: WireRequest, list_id: Id) -> Collection[EventOut]:
    """Return the external events of a list."""
    return Collection[EventOut](data=[event_out(event) for event in events_of(list_id)])


@events.post(EVENTS, levels=LEVELS)
def create_event(request: WireRequest, list_id: Id, body: EventIn) -> Created:
    """
    Create an external event.

    Its name is the list's own, in any case. It is raised by `eventIds` of a contact, by a file, by
    `Event/Raise` and `Event/Batch`, and starts the conversations that listen for it. `status` is
    Active or Blocked: a blocked one is refused wherever it is raised.
    """
    shown = found_list(list_id)
    made = actions.create_external_event(
        list=shown,
        name=body.event_name,
        status=body.status,
        group=wanted_group(shown, body.event_group_id),
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@events.get(EVENTS + "/{event_id}", answer=Resource[EventOut], levels=LEVELS)
def one_event(request: WireRequest, list_id: Id, event_id: Id) -> Resource[EventOut]:
    """Return an external event."""
    return Resource[EventOut](data=event_out(found(events_of(list_id), pk=event_id)))


@events.put(EVENTS + "/{event_id}", answer=Updated, levels=LEVELS)
def change_event(request: WireRequest, list_id: Id, event_id: Id, body: EventIn) -> Updated:
    """
    Rename, block, free or move an external event.

    A Blocked one is refused wherever it is raised; conversations that listen for it stay as they are.
    `eventGroupId` 0 takes it out of its group.
    """
    event = found(events_of(list_id), pk=event_id)
    group = wanted_group(event.list, body.event_group_id)
    actions.update_external_event(
        external_event=event,
        name=body.event_name,
        status=body.status,
        now=request.now,
        by=request.client,
    )
    event_groups.put_into_group(external_event=event, group=group)
    return updated(event_id)


def wanted_group(shown: List, group_id: int) -> EventGroup | None:
    """
    Return a group of the list; none for 0.

    :raises InvalidParameterError: naming `eventGroupId`, if the list has no such group.
    """
    if not group_id:
        return None
    group = EventGroup.objects.filter(list=shown, pk=group_id).first()
    if group is None:
        raise InvalidParameterError("eventGroupId")
    return group


class EventGroupIn(WireIn):
    """A group of external events to be."""

    event_group_name: str


class EventGroupOut(WireOut):
    """A drawer for external events."""

    event_group_id: int
    event_group_name: str


GROUPS = "/List/{list_id}/EventGroup"


def groups_of(list_id: int) -> "QuerySet[EventGroup]":
    """Return the event groups of a list."""
    return EventGroup.objects.filter(list=found_list(list_id)).order_by("pk")


def group_out(group: EventGroup) -> EventGroupOut:
    """Write a group as the wire has it."""
    return EventGroupOut(event_group_id=group.pk, event_group_name=group.name)


@events.get(GROUPS, answer=Collection[EventGroupOut], levels=LEVELS)
def all_event_groups(request: WireRequest, list_id: Id) -> Collection[EventGroupOut]:
    """Return the event groups of a list."""
    return Collection[EventGroupOut](data=[group_out(group) for group in groups_of(list_id)])


@events.post(GROUPS, levels=LEVELS)
def create_event_group(request: WireRequest, list_id: Id, body: EventGroupIn) -> Created:
    """Create an event group."""
    made = event_groups.create_event_group(
        list=found_list(list_id), name=body.event_group_name, now=request.now, by=request.client
    )
    return created(made.pk)


@events.get(GROUPS + "/{event_group_id}", answer=Resource[EventGroupOut], levels=LEVELS)
def one_event_group(
    request: WireRequest, list_id: Id, event_group_id: Id
) -> Resource[EventGroupOut]:
    """Return an event group."""
    return Resource[EventGroupOut](data=group_out(found(groups_of(list_id), pk=event_group_id)))


@events.put(GROUPS + "/{event_group_id}", answer=Updated, levels=LEVELS)
def rename_event_group(
    request: WireRequest, list_id: Id, event_group_id: Id, body: EventGroupIn
) -> Updated:
    """Rename an event group."""
    event_groups.rename_event_group(
        group=found(groups_of(list_id), pk=event_group_id),
        name=body.event_group_name,
        now=request.now,
        by=request.client,
    )
    return updated(event_group_id)


@events.delete(GROUPS + "/{event_group_id}", levels=LEVELS)
def delete_event_group(request: WireRequest, list_id: Id, event_group_id: Id) -> Deleted:
    """
    Delete an event group that has no events.

    One that has some is refused with `ERROR_RESOURCE_DEPENDENCY`; move its events first.
    """
    group = found(groups_of(list_id), pk=event_group_id)
    event_groups.delete_event_group(group=group, now=request.now, by=request.client)
    return deleted()


@raising.post(EVENTS + "/Raise", levels=["Event"], names={"eventIds": "event"})
def raise_event(request: WireRequest, list_id: Id, body: RaiseIn) -> Created:
    """
    Raise an external event for one contact; the resourceId is the event's number.

    An unknown address or number becomes a contact without a subscription, which no
    conversation of the list takes in.
    """
    shown = found_list(list_id)
    occurred_at = read_time("occurredAt", body.occurred_at, request.zone)
    if occurred_at is not None and occurred_at > request.now + FURTHEST:
        raise InvalidParameterError("occurredAt")
    event = actions.raise_event(
        external_event=wanted_event(shown, body.event),
        contact=wanted_contact(shown, body, request),
        occurred_at=occurred_at,
        properties=body.properties,
        source="api",
        now=request.now,
    )
    return created(event.pk)


def wanted_event(shown: List, wanted: int | str) -> ExternalEvent:
    """
    Return the external event of that name, or of that id.

    :raises InvalidParameterError: naming `event`, if the list has none.
    """
    rows = ExternalEvent.objects.filter(list=shown)
    text = str(wanted).strip()
    named = rows.filter(name__iexact=text).first() if isinstance(wanted, str) else None
    if named is not None:
        return named
    number = read_id(text)
    event = None if number is None else rows.filter(pk=number).first()
    if event is None:
        raise InvalidParameterError("event")
    return event


def wanted_contact(shown: List, body: RaiseIn, request: WireRequest) -> Contact:
    """
    Return the contact that the one given identifier names.

    :raises InvalidParameterError: naming the identifier, if it names nobody and nobody
        can be made of it.
    """
    given = [body.email_address, body.phone_number, body.external_contact_id]
    if sum(bool(identifier.strip()) for identifier in given) != 1:
        raise InvalidParameterError("emailAddress")
    if body.external_contact_id.strip():
        return contact_by_external_id(shown, body.external_contact_id.strip())
    try:
        saved = actions.save_contact(
            email=body.email_address, phone=body.phone_number, now=request.now
        )
    except InvalidValueError as unreadable:
        parameter = "emailAddress" if body.email_address.strip() else "phoneNumber"
        raise InvalidParameterError(parameter) from unreadable
    return saved.contact


def contact_by_external_id(shown: List, external_id: str) -> Contact:
    """Return the contact of that id on the list, else the one that orders know by it."""
    subscription = (
        Subscription.objects.filter(list=shown, external_contact_id=external_id)
        .select_related("contact")
        .order_by("pk")
        .first()
    )
    contact = subscription.contact if subscription else None
    contact = contact or actions.find_contact(external_id=external_id)
    if contact is None:
        raise InvalidParameterError("externalContactID")
    return contact
