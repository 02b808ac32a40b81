"""The account whose rows a transaction may see."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

_current: ContextVar[int | None] = ContextVar("current_account_id", default=None)


class OtherAccountError(RuntimeError):
    """A block of one account was opened inside another account's block."""


def current_account_id() -> int | None:
    """Return the account of the innermost `in_account`, or None outside of one."""
    return _current.get()


@contextmanager
def in_account(account_id: int) -> Iterator[None]:
    """
    Open a transaction that sees and writes the rows of one account only.

    Nests within itself (a savepoint). Leaving it puts the former setting back; an
    exception rolls back, which does the same. Never call a provider inside.

    :raises OtherAccountError: inside another account's block.
    """
    former = _current.get()
    if former is not None and former != account_id:
        raise OtherAccountError(f"Account {former} is open; close it before {account_id}.")
    token = _current.set(account_id)
    is_within = connection.in_atomic_block
    try:
        with transaction.atomic():
            _set_account(str(account_id))
            yield
            # A savepoint's release keeps the setting, so it is put back by hand; the end of a
            # transaction puts it back by itself, and a block that is marked for rollback
            # takes no statement.
            if is_within and not transaction.get_rollback():
                _set_account("" if former is None else str(former))
    finally:
        _current.reset(token)


def _set_account(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.account_id', %s, true)", [value])
