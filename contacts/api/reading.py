"""What the parameters of these routes mean."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.actions import InvalidValueError
from accounts.wire import InvalidParameterError
from contacts.identity import read_moment


def read_ids(parameter: str, text: str) -> list[int]:
    """
    Read ids between commas; each once, in the order given.

    :raises InvalidParameterError: naming `parameter`, for what is no id.
    """
    ids: list[int] = []
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        number = read_id(part)
        if number is None:
            raise InvalidParameterError(parameter)
        ids.append(number)
    return list(dict.fromkeys(ids))


def read_id(text: str) -> int | None:
    """Return the id that a text writes, in at most 18 digits (beyond, none is given), or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def read_time(parameter: str, text: str, zone: ZoneInfo) -> datetime | None:
    """
    Read a moment in the account's zone; nothing for an empty text.

    :raises InvalidParameterError: naming `parameter`.
    """
    if not text.strip():
        return None
    try:
        return read_moment(text, zone)
    except InvalidValueError as unreadable:
        raise InvalidParameterError(parameter) from unreadable


def read_end(parameter: str, text: str, zone: ZoneInfo) -> datetime | None:
    """
    Read the end of a range that is inside of it: all of the millisecond that the wire shows.

    :raises InvalidParameterError: naming `parameter`.
    """
    end = read_time(parameter, text, zone)
    return end and end.replace(microsecond=end.microsecond // 1000 * 1000 + 999)


def one_of(parameter: str, text: str, known: Sequence[str]) -> str:
    """
    Return the known value that is meant, in any case.

    :raises InvalidParameterError: naming `parameter`.
    """
    for value in known:
        if value.lower() == text.strip().lower():
            return value
    raise InvalidParameterError(parameter)
