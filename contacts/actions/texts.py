"""Names and texts as they are stored: trimmed, of a bounded length, without NUL bytes."""

import json
from collections.abc import Mapping
from typing import Any

from accounts.actions import InvalidValueError

LARGEST_PROPERTIES = 65_536


def clean_name(field: str, text: str, *, longest: int = 100) -> str:
    """
    Return a name of 1 to `longest` characters.

    :raises InvalidValueError: for an empty or too long one, or one with a NUL byte.
    """
    name = clean_text(field, text, longest=longest)
    if not name:
        raise InvalidValueError(field, f"A name of 1 to {longest} characters is needed.")
    return name


def clean_text(field: str, text: str, *, longest: int) -> str:
    """
    Return a trimmed text of at most `longest` characters.

    :raises InvalidValueError: for a too long one, or one with a NUL byte.
    """
    cleaned = text.strip()
    if "\0" in cleaned:
        raise InvalidValueError(field, "The text holds a NUL byte.")
    if len(cleaned) > longest:
        raise InvalidValueError(field, f"At most {longest} characters are taken.")
    return cleaned


def clean_properties(properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return the properties of an event: a JSON object of at most 64 KB.

    :raises InvalidValueError: for one that is too large or that PostgreSQL cannot hold.
    """
    given = dict(properties or {})
    try:
        # Half a surrogate pair has no UTF-8.
        text = json.dumps(given, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as unusable:
        raise InvalidValueError("properties", "The properties are no JSON object.") from unusable
    if len(text) > LARGEST_PROPERTIES:
        raise InvalidValueError("properties", "The properties are larger than 64 KB.")
    if b"\\u0000" in text:
        raise InvalidValueError("properties", "The properties hold a NUL byte.")
    return given
