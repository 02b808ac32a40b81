"""Addresses that are put on no list; the apps above know which."""

from collections.abc import Callable

from accounts.models import List

# By app: whether a normalised address is suppressed, in the account or on the list.
SUPPRESSED: dict[str, Callable[[List, str], bool]] = {}


def is_suppressed(*, list: List, email_norm: str) -> bool:
    """Say whether an address may not be put on a list."""
    return any(knows(list, email_norm) for knows in SUPPRESSED.values())
