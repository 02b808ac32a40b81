"""Profiles: how given values meet stored ones."""

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import List
from accounts.tenancy.rows import rows_of
from contacts.models import ProfileField
from contacts.values import TEXT_TYPES, Value, clean_value

UPDATE_TYPES = ("Update", "Append", "Overwrite")
Profile = dict[str, Any]


def clean_profile(
    *, list: List, values: Mapping[int, Any], fields: Mapping[int, ProfileField] | None = None
) -> dict[ProfileField, Value | None]:
    """
    Return typed values by field; `values` maps ids of fields of the list to raw values.

    `fields` are those of them that the list has, where they are known.

    :raises InvalidValueError: field `segmentationFieldId` for a field that the list has
        not, `value` for what the field does not take.
    """
    if not values:
        return {}
    if fields is None:
        fields = _fields_of(list, values)
    for field_id in values:
        if field_id not in fields:
            raise InvalidValueError(
                "segmentationFieldId", f"The list has no profile field {field_id}."
            )
    return {
        fields[field_id]: clean_value(fields[field_id], raw) for field_id, raw in values.items()
    }


def _fields_of(list: List, ids: Iterable[int]) -> dict[int, ProfileField]:
    rows = rows_of(
        ProfileField,
        "list_id = %(list_id)s AND id = ANY(%(ids)s::bigint[])",
        list_id=list.pk,
        ids=storable_ids(ids),
    )
    return {row.pk: row for row in rows}


def storable_ids(ids: Iterable[int]) -> list[int]:
    """Return the ids that a row may have, of any numbers that somebody has sent."""
    return [number for number in ids if 0 < number < 2**63]


def read_update_type(text: str | None) -> str:
    """
    Return `Update`, `Append` or `Overwrite`, in any case; nothing is `Update`.

    :raises InvalidValueError: field `updateType`.
    """
    wanted = (text or "").strip().lower() or "update"
    for update_type in UPDATE_TYPES:
        if update_type.lower() == wanted:
            return update_type
    raise InvalidValueError("updateType", "The update type is Update, Append or Overwrite.")


def merge_profile(
    stored: Profile, given: Mapping[ProfileField, Value | None], update_type: str
) -> Profile:
    """
    Return the profile after a request.

    Update sets what is given and keeps the rest; an empty value clears its field. Append
    adds text to text, after a comma, unless it is among the parts already; other types
    are set, and empty values are passed over. Overwrite keeps only what is given; where
    nothing is given there is nothing to write over.
    """
    if not given:
        return dict(stored)
    merged: Profile = {} if update_type == "Overwrite" else dict(stored)
    for field, value in given.items():
        key = str(field.pk)
        if value is None:
            if update_type != "Append":
                merged.pop(key, None)
        elif update_type == "Append" and field.data_type in TEXT_TYPES:
            merged[key] = append_text(merged.get(key), str(value), field.max_length)
        else:
            merged[key] = value
    return merged


def append_text(stored: Any, added: str, max_length: int) -> str:
    """Return the text with those parts of `added` that it has not, after commas, while it fits."""
    if stored in (None, ""):
        return added
    text = str(stored)
    known = text.split(",")
    for part in added.split(","):
        if part in known:
            continue
        if max_length and len(text) + 1 + len(part) > max_length:
            break
        text = f"{text},{part}"
        known.append(part)
    return text


def changed_fields(before: Profile, after: Profile) -> list[str]:
    """Return the ids (as text) of the fields whose value differs, in order."""
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return sorted(keys, key=int)
