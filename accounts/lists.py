"""Deleting a list, while nothing lives on it."""

from collections.abc import Callable
from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User

# Apps above say what of theirs keeps a list: by their name, what it is called, "" for nothing.
KEEPERS: dict[str, Callable[[List], str]] = {}


class ListInUseError(InvalidValueError):
    """A list that somebody is on, or something is drawn on."""

    code = "ERROR_RESOURCE_DEPENDENCY"


def delete_list(*, deleted: List, now: datetime, by: User | ApiClient | None = None) -> None:
    """
    Delete a list with its settings: fields, events, saved messages, segments, campaigns.

    People and what was sent to them are not deleted by the way: whoever wants a list gone takes
    its contacts and conversations off it first.

    :raises ListInUseError: while it has contacts, conversations, short codes or deliveries.
    """
    keepers = [word for keeps in KEEPERS.values() if (word := keeps(deleted))]
    if keepers:
        raise ListInUseError("listId", f"The list {deleted.name} has {', '.join(keepers)}.")
    record(verb="deleted", noun="list", object_id=deleted.pk, now=now, by=by)
    deleted.delete()
