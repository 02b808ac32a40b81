"""What a webhook's answer means: its way out, and the values that the profile keeps."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from accounts.actions import InvalidValueError
from accounts.outgoing import Answer
from contacts.models import ProfileField
from contacts.values import clean_value

TOO_MANY = 429

NOTHING = object()


def read_answer(
    answer: Answer, save: Sequence[Mapping[str, Any]], fields: Mapping[int, ProfileField]
) -> dict[str, Any]:
    """
    Return a call's outcome: `status`, and `values`, `error` or `held`; `again` to retry.

    2xx is a success whatever its body; a body that is no JSON (or cut off at 64 KB) holds
    nothing that a pointer could find. A value that its field cannot hold holds the contact.
    """
    outcome: dict[str, Any] = {"status": answer.status}
    if not 200 <= answer.status < 300:
        again = answer.status == TOO_MANY or answer.status >= 500
        return {**outcome, "error": f"status {answer.status}", **({"again": True} if again else {})}
    if not save:
        return outcome
    document = read_json(answer.body)
    values: dict[str, Any] = {}
    for saved in save:
        found = find(document, saved["pointer"])
        if found is NOTHING:
            continue
        try:
            values[str(saved["field_id"])] = as_value(fields[saved["field_id"]], found)
        except InvalidValueError:
            return {**outcome, "held": f"the answer's value does not fit {saved['name']}"}
    return {**outcome, "values": values} if values else outcome


def read_json(body: bytes) -> Any:
    """Return the JSON of a body; NOTHING where there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOTHING


def find(document: Any, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) finds, or NOTHING."""
    found = document
    for name in pointer.split("/")[1:]:
        found = step_into(found, name.replace("~1", "/").replace("~0", "~"))
    return found


def step_into(value: Any, name: str) -> Any:
    """Return a member by its name or an element by its number, or NOTHING."""
    if isinstance(value, dict):
        return value.get(name, NOTHING)
    is_index = name == "0" or (name.isdecimal() and name.isascii() and name[0] != "0")
    if isinstance(value, list) and is_index and len(name) < 10 and int(name) < len(value):
        return value[int(name)]
    return NOTHING


def as_value(field: ProfileField, found: Any) -> Any:
    """
    Return a found value as its field holds it; null clears the field.

    :raises InvalidValueError: where the field cannot hold it: a list, an object, another type.
    """
    if isinstance(found, dict | list):
        raise InvalidValueError("value", "A field holds no list and no object.")
    try:
        value = clean_value(field, found)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as half:
        raise InvalidValueError("value", "The text holds half a character.") from half
    return value
