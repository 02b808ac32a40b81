"""What is in use is not deleted: apps above say what uses a thing of theirs."""

from collections.abc import Callable

from contacts.actions.errors import InUseError
from contacts.models import ProfileField, Segment, SegmentMapping

# They return the names of what uses a profile field; by their app's name.
USERS_OF_FIELD: dict[str, Callable[[ProfileField], list[str]]] = {}


def refuse_used(field: ProfileField) -> None:
    """
    Refuse to lose a field that something live asks for.

    :raises InUseError: naming what uses it.
    """
    name = field_name(field)
    users = [
        segment.name
        for segment in Segment.objects.filter(list_id=field.list_id).order_by("name")
        if names(segment.rule, name)
    ]
    mappings = SegmentMapping.objects.filter(deleted_at=None, values__has_key=str(field.pk))
    users += [f"the Segment mapping {one.name}" for one in mappings.order_by("pk")]
    for users_of in USERS_OF_FIELD.values():
        users += users_of(field)
    if users:
        raise InUseError(message=f"{name} is used by {', '.join(users)}.")


def field_name(field: ProfileField) -> str:
    """Return the name by which rules and files know a field."""
    return f"{field.group.name}.{field.name}"


def names(structure: object, name: str) -> bool:
    """Tell whether a rule or a file names it, as a value or a key, case aside."""
    if isinstance(structure, dict):
        return any(names(key, name) or names(value, name) for key, value in structure.items())
    if isinstance(structure, list):
        return any(names(value, name) for value in structure)
    return isinstance(structure, str) and structure.strip().lower() == name.lower()
