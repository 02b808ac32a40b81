"""
What packages above tell rules and segments: names' meanings, and who uses a segment.

They register when the apps are ready, so that this package asks without knowing them.
"""

from collections.abc import Callable

from accounts.models import List
from contacts.filters.scope import Names

NamesOf = Callable[[List], Names]
UsersOf = Callable[[int], list[str]]

_names: list[NamesOf] = []
_users: list[UsersOf] = []


def register(*, names: NamesOf, users_of_segment: UsersOf) -> None:
    """
    Say how a list's names are found, and by whom a segment is used.

    `users_of_segment` maps a segment's id to the names of the conversations that run and
    ask for it.
    """
    _names[:] = [names]
    _users[:] = [users_of_segment]


def names_of(in_list: List) -> Names:
    """Return what names mean on a list."""
    return _names[0](in_list)


def users_of_segment(segment_id: int) -> list[str]:
    """Return the names of the running conversations that ask for a segment."""
    return [name for users in _users for name in users(segment_id)]
