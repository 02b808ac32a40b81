"""Addresses that are put on no list; the apps above know which."""

from collections.abc import Callable, Iterable

from accounts.models import List

# By app: whether a normalised address is suppressed, in the account or on the list.
SUPPRESSED: dict[str, Callable[[List, str], bool]] = {}
# By app, of many: `rows` is a SELECT of (line, normalised address). Returns the lines of those
# that are suppressed, and whether the address itself is known, not just its hash.
SUPPRESSED_AMONG: dict[str, Callable[[int, str], Iterable[tuple[int, bool]]]] = {}


def is_suppressed(*, list: List, email_norm: str) -> bool:
    """Say whether an address may not be put on a list."""
    return any(knows(list, email_norm) for knows in SUPPRESSED.values())


def suppressed_among(*, list_id: int, rows: str) -> dict[int, bool]:
    """Return the lines of those that may not be put on a list, True where the address is known."""
    found: dict[int, bool] = {}
    for among in SUPPRESSED_AMONG.values():
        for line, is_known in among(list_id, rows):
            found[line] = is_known or found.get(line, False)
    return found
