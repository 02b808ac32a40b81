"""Places of workers: what takes long never has all of them, so that contacts still move."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from accounts.tenancy import sql


@contextmanager
def place(first: int) -> Iterator[bool]:
    """
    Take one of the places of a kind of work; tell whether one was free.

    There is a place less than this deployment has workers, and at least one. `first` is the
    first of the advisory locks of that kind; a connection that is closed gives its place back.
    """
    places = max(1, int(str(settings.Q_CLUSTER["workers"])) - 1)
    for lock in range(first, first + places):
        if sql.fetch_value("SELECT pg_try_advisory_lock(%(lock)s)", lock=lock):
            try:
                yield True
            finally:
                sql.fetch_value("SELECT pg_advisory_unlock(%(lock)s)", lock=lock)
            return
    yield False
