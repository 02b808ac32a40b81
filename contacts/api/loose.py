"""
Rows of the data API, read leniently: any key case, nulls, numbers as text.

A row is judged by itself, so nothing here fails the whole body.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.actions import InvalidValueError
from accounts.wire.envelopes import storable
from contacts.identity import read_moment

FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Loose:
    """One JSON object; absent, null and "" are the same."""

    def __init__(self, row: Any, name: str) -> None:
        """
        Take an object, or nothing.

        :raises InvalidValueError: for anything else; `name` says what it stands for.
        """
        row = None if row == [] else row  # what PHP writes for an empty object
        if row is not None and not isinstance(row, dict):
            raise InvalidValueError(name, f"{name} is no JSON object.")
        self._values = {str(key).lower(): value for key, value in (row or {}).items()}
        self._spelled = {str(key).lower(): str(key) for key in row or {}}

    def raw(self, name: str) -> Any:
        """Return the value as it came; None for an empty one."""
        value = self._values.get(name.lower())
        return None if value == "" else value

    def text(self, name: str) -> str:
        """
        Return a value as text.

        :raises InvalidValueError: for an object, an array, or text that cannot be stored.
        """
        value = self.raw(name)
        if value is None:
            return ""
        if isinstance(value, dict | list) or not storable(str(value)):
            raise InvalidValueError(name, f"{name} is no text.")
        return str(value)

    def nested(self, name: str) -> "Loose":
        """Return the object under a name; an empty one where there is none."""
        return Loose(self.raw(name), name)

    def rows(self, name: str) -> "Iterator[Loose]":
        """
        Yield the objects of an array.

        :raises InvalidValueError: if it is none.
        """
        rows = self.raw(name) or []
        if not isinstance(rows, list):
            raise InvalidValueError(name, f"{name} is no array.")
        for row in rows:
            yield Loose(row, name)

    def moment(self, name: str, zone: ZoneInfo) -> datetime | None:
        """
        Return a date-time, in the account's zone where it says none.

        :raises InvalidValueError: for what is no date-time.
        """
        text = self.text(name)
        if not text.strip():
            return None
        try:
            return read_moment(text, zone)
        except InvalidValueError as unreadable:
            raise InvalidValueError(name, unreadable.message) from unreadable

    def flag(self, name: str) -> bool | None:
        """
        Return yes or no; None where nothing is said.

        :raises InvalidValueError: for anything that says neither.
        """
        text = self.text(name).strip().lower()
        if not text:
            return None
        if text not in FLAGS:
            raise InvalidValueError(name, f"{name} is neither true nor false.")
        return FLAGS[text]

    def rest(self, *taken: str) -> dict[str, Any]:
        """Return what is not named in `taken`, not empty, and can be stored as JSON."""
        known = {name.lower() for name in taken}
        return {
            _decapitalised(self._spelled[key]): value
            for key, value in self._values.items()
            if key not in known and value not in (None, "", [], {}) and _is_kept([key, value])
        }


def _decapitalised(key: str) -> str:
    return key[:1].lower() + key[1:]


def _is_kept(value: Any) -> bool:
    written = json.dumps(value, ensure_ascii=False)
    return "\\u0000" not in written and storable(written)
