"""
Values of profile fields: typed when written, so that rules need no luck with casts.

Text, RadioButton, CommentArea and ContentBlock hold text; Numeric a number; CheckBox
"on" or "off"; Date "YYYY-MM-DD". An empty value is None: the profile has no key for it.
"""

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from accounts.actions import InvalidValueError
from contacts.identity import read_date
from contacts.models import DataType, ProfileField

Value = str | int | float

ON = frozenset({"on", "true", "1", "yes", "y", "checked", "x"})
OFF = frozenset({"off", "false", "0", "no", "n", "unchecked"})
NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|[+-]?\.\d+")
LARGEST = 1e15
TEXT_TYPES = frozenset(
    {
        DataType.TEXT.value,
        DataType.RADIO_BUTTON.value,
        DataType.COMMENT_AREA.value,
        DataType.CONTENT_BLOCK.value,
    }
)


class TooLongValueError(InvalidValueError):
    """A text that is longer than its field."""


def clean_value(field: ProfileField, raw: Any) -> Value | None:
    """
    Return a value as the profile holds it; None for an empty one.

    :raises InvalidValueError: field `value`; the message says what the field takes.
    """
    if raw is None:
        return None
    if isinstance(raw, list | dict):
        raise InvalidValueError("value", f"{field.name} takes no array and no object.")
    try:
        return READERS[field.data_type](field.name, field.max_length, raw)
    except KeyError:  # pragma: no cover (a data type without a reader is a bug)
        raise AssertionError(field.data_type) from None


def reader_of(field: ProfileField) -> Callable[[str], Value]:
    """
    Return what reads trimmed, non-empty texts of a field as `clean_value` does.

    The usual forms go by a short way: a file has millions of cells.
    """
    if field.data_type == DataType.NUMERIC:
        return lambda text: (
            int(text) if text.isdecimal() and len(text) <= SHORT else _read(field, text)
        )
    if field.data_type == DataType.CHECK_BOX:
        return lambda text: CHECKS.get(text) or _read(field, text)
    if field.data_type == DataType.DATE:
        return lambda text: text if _is_plain_date(text) else _read(field, text)
    longest = field.max_length or math.inf
    return lambda text: text if len(text) <= longest else _read(field, text)


SHORT = 15
CHECKS = {**dict.fromkeys(ON, "on"), **dict.fromkeys(OFF, "off")}


def _read(field: ProfileField, text: str) -> Value:
    value = clean_value(field, text)
    assert value is not None, "a non-empty text has a value"  # noqa: S101
    return value


def _is_plain_date(text: str) -> bool:
    if len(text) != len("2026-12-31") or not "1900-01-01" <= text <= "2199-12-31":
        return False
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _text(name: str, max_length: int, raw: Any) -> Value | None:
    text = ("on" if raw else "off") if isinstance(raw, bool) else str(raw).strip()
    if "\0" in text:
        raise InvalidValueError("value", f"{name} holds a NUL byte.")
    if max_length and len(text) > max_length:
        raise TooLongValueError(
            "value", f"{name} takes {max_length} characters at most, not {len(text)}."
        )
    return text or None


def _number(name: str, max_length: int, raw: Any) -> Value | None:
    if isinstance(raw, str):
        text = raw.strip()
        if not text:
            return None
        if NUMBER.fullmatch(text) is None:
            raise InvalidValueError("value", f"{name} takes a number, not {text[:80]!r}.")
        raw = float(text.replace(",", ""))
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not _is_usable(raw):
        raise InvalidValueError("value", f"{name} takes a number, not {str(raw)[:80]!r}.")
    return int(raw) if raw == int(raw) else float(raw)


def _is_usable(number: float) -> bool:
    # False for NaN, too; an integer of hundreds of digits is never made a float.
    return abs(number) <= LARGEST


def _check(name: str, max_length: int, raw: Any) -> Value | None:
    text = str(raw).strip().lower()
    if text in ON:
        return "on"
    if text in OFF:
        return "off"
    if not text:
        return None
    raise InvalidValueError("value", f"{name} takes on or off, not {str(raw)[:80]!r}.")


def _date(name: str, max_length: int, raw: Any) -> Value | None:
    text = str(raw).strip()
    if not text:
        return None
    try:
        return read_date(text).isoformat()
    except InvalidValueError as unreadable:
        raise InvalidValueError("value", f"{name}: {unreadable.message}") from unreadable


READERS = {
    **dict.fromkeys(TEXT_TYPES, _text),
    DataType.NUMERIC.value: _number,
    DataType.CHECK_BOX.value: _check,
    DataType.DATE.value: _date,
}
