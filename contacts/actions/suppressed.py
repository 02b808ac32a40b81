"""Addresses that are put on no list; the apps above know which."""

from collections.abc import Callable, Iterable
from functools import cache

from accounts.models import List
from accounts.tenancy import sql

# By app, in SQL: whether the normalised address %(email_norm)s is suppressed, in the account or
# on the list %(list_id)s.
SUPPRESSED: dict[str, str] = {}
# By app, of many: `rows` is a SELECT of (line, normalised address). Returns the lines of those
# that are suppressed, and whether the address itself is known, not just its hash.
SUPPRESSED_AMONG: dict[str, Callable[[int, str], Iterable[tuple[int, bool]]]] = {}


def is_suppressed(*, list: List, email_norm: str) -> bool:
    """Say whether an address may not be put on a list."""
    return bool(sql.fetch_value(_is_suppressed(), list_id=list.pk, email_norm=email_norm))


def suppressed_if() -> str:
    """Return the condition, in SQL, that an address is suppressed: see `SUPPRESSED`."""
    return " OR ".join(SUPPRESSED.values()) or "FALSE"


@cache
def _is_suppressed() -> sql.Kept:
    return sql.Kept(f"SELECT {suppressed_if()}")


def suppressed_among(*, list_id: int, rows: str) -> dict[int, bool]:
    """Return the lines of those that may not be put on a list, True where the address is known."""
    found: dict[int, bool] = {}
    for among in SUPPRESSED_AMONG.values():
        for line, is_known in among(list_id, rows):
            found[line] = is_known or found.get(line, False)
    return found
