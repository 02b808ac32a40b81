"""Drawers for the external events of a list."""

from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from contacts.actions.errors import InUseError
from contacts.actions.texts import clean_name
from contacts.models import EventGroup, ExternalEvent

Actor = User | ApiClient | None


def create_event_group(*, list: List, name: str, now: datetime, by: Actor = None) -> EventGroup:
    """
    Create a group of external events.

    :raises InvalidValueError: field `eventGroupName`, for an empty, too long or taken name.
    """
    made = EventGroup.objects.create(list=list, name=_free_name(list, name))
    record(verb="created", noun="event group", object_id=made.pk, now=now, by=by)
    return made


def rename_event_group(
    *, group: EventGroup, name: str, now: datetime, by: Actor = None
) -> EventGroup:
    """
    Rename a group.

    :raises InvalidValueError: as `create_event_group`.
    """
    group.name = _free_name(group.list, name, other_than=group.pk)
    group.save()
    record(verb="updated", noun="event group", object_id=group.pk, now=now, by=by)
    return group


def delete_event_group(*, group: EventGroup, now: datetime, by: Actor = None) -> None:
    """
    Delete a group without events.

    :raises InUseError: while it has some.
    """
    if ExternalEvent.objects.filter(group=group).exists():
        raise InUseError(message=f"The group {group.name} has events.")
    record(verb="deleted", noun="event group", object_id=group.pk, now=now, by=by)
    group.delete()


def put_into_group(*, external_event: ExternalEvent, group: EventGroup | None) -> None:
    """Put an external event into a group, or take it out."""
    external_event.group = group
    external_event.save()


def _free_name(list: List, name: str, *, other_than: int = 0) -> str:
    name = clean_name("eventGroupName", name)
    taken = EventGroup.objects.filter(list=list, name__iexact=name).exclude(pk=other_than)
    if taken.exists():
        raise InvalidValueError("eventGroupName", f"The list has a group named {name} already.")
    return name
