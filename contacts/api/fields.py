"""Profile field groups and profile fields (SegmentationFieldGroup, SegmentationField)."""

from typing import Annotated

from django.db.models import QuerySet
from pydantic import Field

from accounts.api import found_list
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    updated,
)
from contacts import actions
from contacts.actions.clearing import clear_field
from contacts.actions.fields import delete_field, delete_field_group
from contacts.models import ProfileField, ProfileFieldGroup

fields = Frame("/email/v1", integration="email", tag="SegmentationField")

GROUPS = "/List/{list_id}/SegmentationFieldGroup"
FIELDS = GROUPS + "/{segmentation_field_group_id}/SegmentationField"
LEVELS = ["List", "Segmentation"]
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class GroupIn(WireIn):
    """A group to be; without a position it comes last."""

    segmentation_field_group_name: str
    position: Int32 | None = None


class GroupOut(WireOut):
    """A group of profile fields."""

    segmentation_field_group_id: int
    segmentation_field_group_name: str
    position: int


class FieldIn(WireIn):
    """A field to be; `maxLength` 0 is no limit."""

    segmentation_field_name: str
    data_type: str
    max_length: int = 0
    position: Int32 | None = None


class FieldOut(WireOut):
    """A profile field."""

    segmentation_field_id: int
    segmentation_field_name: str
    segmentation_field_group_id: int
    data_type: str
    max_length: int
    position: int


def groups_of(list_id: int) -> "QuerySet[ProfileFieldGroup]":
    """Return the groups of a list, as they stand in the page."""
    return ProfileFieldGroup.objects.filter(list=found_list(list_id)).order_by("position", "pk")


def fields_of(list_id: int, group_id: int) -> "QuerySet[ProfileField]":
    """Return the fields of a group, as they stand in the page."""
    group = found(groups_of(list_id), pk=group_id)
    return ProfileField.objects.filter(group=group).order_by("position", "pk")


def group_out(group: ProfileFieldGroup) -> GroupOut:
    """Write a group as the wire has it."""
    return GroupOut(
        segmentation_field_group_id=group.pk,
        segmentation_field_group_name=group.name,
        position=group.position,
    )


def field_out(field: ProfileField) -> FieldOut:
    """Write a field as the wire has it."""
    return FieldOut(
        segmentation_field_id=field.pk,
        segmentation_field_name=field.name,
        segmentation_field_group_id=field.group_id,
        data_type=field.data_type,
        max_length=field.max_length,
        position=field.position,
    )


@fields.get(GROUPS, answer=Collection[GroupOut], levels=LEVELS)
def all_groups(request: WireRequest, list_id: Id) -> Collection[GroupOut]:
    """Return the groups of profile fields of a list."""
    return Collection[GroupOut](data=[group_out(group) for group in groups_of(list_id)])


@fields.post(GROUPS, levels=LEVELS)
def create_group(request: WireRequest, list_id: Id, body: GroupIn) -> Created:
    """
    Create a group of profile fields.

    Its name is the list's own, in any case; without `position` it comes last. Filters of messages,
    segments and templates name a field as `Group.Field`.
    """
    made = actions.create_field_group(
        list=found_list(list_id),
        name=body.segmentation_field_group_name,
        position=body.position,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@fields.get(GROUPS + "/{segmentation_field_group_id}", answer=Resource[GroupOut], levels=LEVELS)
def one_group(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id
) -> Resource[GroupOut]:
    """Return a group of profile fields."""
    group = found(groups_of(list_id), pk=segmentation_field_group_id)
    return Resource[GroupOut](data=group_out(group))


@fields.put(GROUPS + "/{segmentation_field_group_id}", answer=Updated, levels=LEVELS)
def change_group(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id, body: GroupIn
) -> Updated:
    """
    Rename or move a group of profile fields.

    Segments, conversations and templates name fields by their group: what is drawn names the group
    as it was until it is changed there, too. Without `position` it stays where it is.
    """
    actions.update_field_group(
        group=found(groups_of(list_id), pk=segmentation_field_group_id),
        name=body.segmentation_field_group_name,
        position=body.position,
        now=request.now,
        by=request.client,
    )
    return updated(segmentation_field_group_id)


@fields.delete(GROUPS + "/{segmentation_field_group_id}", levels=LEVELS)
def delete_group(request: WireRequest, list_id: Id, segmentation_field_group_id: Id) -> Deleted:
    """
    Delete a group that has no fields.

    One that has some is refused with `ERROR_RESOURCE_DEPENDENCY`; delete its fields first.
    """
    group = found(groups_of(list_id), pk=segmentation_field_group_id)
    delete_field_group(group=group, now=request.now, by=request.client)
    return deleted()


@fields.get(FIELDS, answer=Collection[FieldOut], levels=LEVELS)
def all_fields(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id
) -> Collection[FieldOut]:
    """Return the profile fields of a group."""
    rows = fields_of(list_id, segmentation_field_group_id)
    return Collection[FieldOut](data=[field_out(field) for field in rows])


@fields.post(FIELDS, levels=LEVELS)
def create_field(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id, body: FieldIn
) -> Created:
    """
    Create a profile field.

    `dataType` is Text, Numeric, RadioButton, CheckBox, CommentArea, Date or ContentBlock. `maxLength`
    counts characters, 0 is no limit; a longer value is refused with its contact. Check boxes and
    radio buttons take on, true, 1 and off, false, 0; dates 12/31/2020 or 2020-12-31.
    """
    made = actions.create_field(
        group=found(groups_of(list_id), pk=segmentation_field_group_id),
        name=body.segmentation_field_name,
        data_type=body.data_type,
        max_length=body.max_length,
        position=body.position,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@fields.get(FIELDS + "/{segmentation_field_id}", answer=Resource[FieldOut], levels=LEVELS)
def one_field(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id, segmentation_field_id: Id
) -> Resource[FieldOut]:
    """Return a profile field."""
    rows = fields_of(list_id, segmentation_field_group_id)
    return Resource[FieldOut](data=field_out(found(rows, pk=segmentation_field_id)))


@fields.put(FIELDS + "/{segmentation_field_id}", answer=Updated, levels=LEVELS)
def change_field(
    request: WireRequest,
    list_id: Id,
    segmentation_field_group_id: Id,
    segmentation_field_id: Id,
    body: FieldIn,
) -> Updated:
    """
    Change a profile field; its type only while no contact has a value.

    Nor does the type change while a segment or a live conversation names the field: 400 names
    `dataType`. Values that are longer than a new `maxLength` stay.
    """
    rows = fields_of(list_id, segmentation_field_group_id)
    actions.update_field(
        field=found(rows, pk=segmentation_field_id),
        name=body.segmentation_field_name,
        data_type=body.data_type,
        max_length=body.max_length,
        position=body.position,
        now=request.now,
        by=request.client,
    )
    return updated(segmentation_field_id)


@fields.delete(FIELDS + "/{segmentation_field_id}/Values", answer={202: Created}, levels=LEVELS)
def clear_values(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id, segmentation_field_id: Id
) -> Created:
    """
    Clear a profile field of all subscribed contacts, in the background.

    The `resourceId` is an importFileId: `ListImport/{importFileId}/Status` says how it goes.
    """
    rows = fields_of(list_id, segmentation_field_group_id)
    field = found(rows.select_related("group"), pk=segmentation_field_id)
    made = clear_field(field=field, now=request.now, by=request.client)
    return Created(status=202, resource_id=str(made.pk))


@fields.delete(FIELDS + "/{segmentation_field_id}", levels=LEVELS)
def delete_one_field(
    request: WireRequest, list_id: Id, segmentation_field_group_id: Id, segmentation_field_id: Id
) -> Deleted:
    """
    Delete a profile field that no segment and no live conversation names.

    One that is named is refused with `ERROR_RESOURCE_DEPENDENCY`. Its values are shown and asked
    no more; `DELETE .../Values` clears them and keeps the field.
    """
    rows = fields_of(list_id, segmentation_field_group_id)
    field = found(rows.select_related("group"), pk=segmentation_field_id)
    delete_field(field=field, now=request.now, by=request.client)
    return deleted()
