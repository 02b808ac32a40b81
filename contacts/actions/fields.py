"""Profile field groups and profile fields of a list."""

from datetime import datetime

from django.db.models import Max, QuerySet

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from contacts.actions.errors import InUseError
from contacts.actions.texts import clean_name
from contacts.actions.uses import refuse_used
from contacts.models import DataType, ProfileField, ProfileFieldGroup, Subscription

LONGEST_TEXT = 100_000
Actor = User | ApiClient | None


def create_field_group(
    *, list: List, name: str, now: datetime, position: int | None = None, by: Actor = None
) -> ProfileFieldGroup:
    """
    Create a group of profile fields, at the end unless `position` is given.

    :raises InvalidValueError: field `segmentationFieldGroupName` for an empty, too long or
        taken name (case does not count).
    """
    groups = ProfileFieldGroup.objects.filter(list=list)
    made = ProfileFieldGroup.objects.create(
        list=list,
        name=_free_group_name(list, name),
        position=_last(groups) + 1 if position is None else position,
    )
    record(verb="created", noun="field group", object_id=made.pk, now=now, by=by)
    return made


def update_field_group(
    *,
    group: ProfileFieldGroup,
    now: datetime,
    name: str | None = None,
    position: int | None = None,
    by: Actor = None,
) -> ProfileFieldGroup:
    """
    Rename or move a group; None leaves as it is.

    :raises InvalidValueError: as `create_field_group`.
    """
    if name is not None:
        group.name = _free_group_name(group.list, name, other_than=group.pk)
    if position is not None:
        group.position = position
    group.save()
    record(verb="updated", noun="field group", object_id=group.pk, now=now, by=by)
    return group


def delete_field_group(*, group: ProfileFieldGroup, now: datetime, by: Actor = None) -> None:
    """
    Delete a group without fields.

    :raises InUseError: while it has some.
    """
    if ProfileField.objects.filter(group=group).exists():
        raise InUseError(message=f"The group {group.name} has fields.")
    record(verb="deleted", noun="field group", object_id=group.pk, now=now, by=by)
    group.delete()


def create_field(
    *,
    group: ProfileFieldGroup,
    name: str,
    data_type: str,
    now: datetime,
    max_length: int = 0,
    position: int | None = None,
    by: Actor = None,
) -> ProfileField:
    """
    Create a profile field, at its group's end unless `position` is given.

    `max_length` is in characters, 0 for no limit.

    :raises InvalidValueError: field `segmentationFieldName`, `dataType` or `maxLength`.
    """
    fields = ProfileField.objects.filter(group=group)
    made = ProfileField.objects.create(
        list=group.list,
        group=group,
        name=_free_field_name(group, name),
        data_type=read_data_type(data_type),
        max_length=_read_length(max_length),
        position=_last(fields) + 1 if position is None else position,
    )
    record(verb="created", noun="profile field", object_id=made.pk, now=now, by=by)
    return made


def update_field(
    *,
    field: ProfileField,
    now: datetime,
    name: str | None = None,
    data_type: str | None = None,
    max_length: int | None = None,
    position: int | None = None,
    by: Actor = None,
) -> ProfileField:
    """
    Change a profile field; None leaves as it is.

    :raises InvalidValueError: as `create_field`; field `dataType`, too, where contacts
        have values, since those are stored by type, and while a segment or a live
        conversation names it, which asks and writes it by the type that it had.
    """
    if data_type is not None and read_data_type(data_type) != field.data_type:
        if Subscription.objects.filter(list=field.list, profile__has_key=str(field.pk)).exists():
            raise InvalidValueError("dataType", f"Contacts have values of {field.name} already.")
        try:
            refuse_used(field)
        except InUseError as used:
            raise InvalidValueError("dataType", used.message) from used
        field.data_type = read_data_type(data_type)
    if name is not None:
        field.name = _free_field_name(field.group, name, other_than=field.pk)
    if max_length is not None:
        field.max_length = _read_length(max_length)
    if position is not None:
        field.position = position
    field.save()
    record(verb="updated", noun="profile field", object_id=field.pk, now=now, by=by)
    return field


def delete_field(*, field: ProfileField, now: datetime, by: Actor = None) -> None:
    """
    Delete a profile field; what contacts have there is read no more.

    :raises InUseError: while a segment or a live conversation names it.
    """
    refuse_used(field)
    record(verb="deleted", noun="profile field", object_id=field.pk, now=now, by=by)
    field.delete()


def read_data_type(text: str) -> str:
    """
    Return the data type of that name, in any case; blanks do not count.

    :raises InvalidValueError: field `dataType`.
    """
    wanted = text.replace(" ", "").lower()
    for data_type in DataType.values:
        if data_type.lower() == wanted:
            return data_type
    raise InvalidValueError("dataType", f"A profile field is one of {', '.join(DataType.values)}.")


def _read_length(max_length: int) -> int:
    if not 0 <= max_length <= LONGEST_TEXT:
        raise InvalidValueError("maxLength", f"The length is 0 (no limit) to {LONGEST_TEXT}.")
    return max_length


def _free_group_name(list: List, name: str, *, other_than: int = 0) -> str:
    name = clean_name("segmentationFieldGroupName", name)
    groups = ProfileFieldGroup.objects.filter(list=list, name__iexact=name)
    if groups.exclude(pk=other_than).exists():
        raise InvalidValueError(
            "segmentationFieldGroupName", f"The list has a group named {name} already."
        )
    return name


def _free_field_name(group: ProfileFieldGroup, name: str, *, other_than: int = 0) -> str:
    name = clean_name("segmentationFieldName", name)
    fields = ProfileField.objects.filter(group=group, name__iexact=name)
    if fields.exclude(pk=other_than).exists():
        raise InvalidValueError(
            "segmentationFieldName", f"The group has a field named {name} already."
        )
    return name


def _last(rows: QuerySet[ProfileFieldGroup] | QuerySet[ProfileField]) -> int:
    return int(rows.aggregate(last=Max("position"))["last"] or 0)
