"""Set a profile field to a fixed value, to another field's, or to nothing, which clears it.

Where the other field holds a text, it is read as this field's type; a contact whose text
cannot be read so is held.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from accounts.actions import InvalidValueError
from conductor.steps import HERE, Arrivals, Names, NameText, StepConfig, StepProblem, empty, shape
from conductor.steps.action.act import Act, field_here, field_problems, known_field, write_field
from contacts.models import ProfileField
from contacts.values import clean_value

# Locked, so that what is read here is what is copied below, whoever else writes.
SOURCE_VALUES = f"""
    SELECT DISTINCT locked.value
    FROM (
        SELECT source.profile ->> %(source)s AS value
        FROM arrivals
        INNER JOIN contacts_subscription AS source ON source.id = arrivals.subscription_id
        WHERE {HERE}
        ORDER BY source.id
        FOR NO KEY UPDATE OF source
    ) AS locked
    WHERE locked.value IS NOT NULL
"""
HOLD_UNUSABLE = f"""
    UPDATE arrivals
    SET exit = NULL, held_reason = 'step_error 22P02'
    FROM contacts_subscription AS source
    WHERE
        {HERE}
        AND source.id = arrivals.subscription_id
        AND %(values)s::jsonb -> (source.profile ->> %(source)s) = '[]'::jsonb
"""
ONE_VALUE = "%(value)s::jsonb"
OTHER_FIELD = "subscription.profile -> %(source)s::text"
# `values` maps each text of the source to [value], [] for an unusable one.
READ_FIELD = (
    "nullif(%(values)s::jsonb -> (subscription.profile ->> %(source)s::text) -> 0, 'null'::jsonb)"
)

TEXT_TYPES = {"Text", "CommentArea", "ContentBlock"}
# What can be read as another type when the step runs.
READABLE = {*TEXT_TYPES, "RadioButton"}

Scalar = str | int | float | bool | None
VALUE = "This is a text, a number, true, false, null, or {from_field: Group.Field}."


class FromField(StepConfig):
    """The value of another field."""

    from_field: NameText = ""


class SetField(StepConfig):
    """A field and its new value; `value: null` clears it, no `value` is not set yet."""

    field: NameText = ""
    value: Annotated[
        Annotated[Scalar, Tag("literal")] | Annotated[FromField, Tag("mapping")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=VALUE),
    ] = None

    def write(self) -> Any:
        """Return the settings as a file has them."""
        written: dict[str, Any] = {"field": self.field} if self.field else {}
        if "value" in self.model_fields_set:
            value = self.value
            written["value"] = value.write() if isinstance(value, FromField) else value
        return written


class SetFieldAct(Act[SetField]):
    """Write one value into a field."""

    name = "set_field"
    place = 1
    label = "Set a field"
    Setting = SetField

    def sentence(self, setting: SetField) -> str:
        """Say which field gets what."""
        if not setting.field:
            return ""
        if isinstance(setting.value, FromField):
            return f"Set {setting.field} to the value of {setting.value.from_field}"
        if setting.value is None or setting.value == "":
            return f"Clear {setting.field}"
        return f"Set {setting.field} to “{setting.value}”"

    def problems(self, setting: SetField, names: Names) -> list[StepProblem]:
        """Find unknown fields and values that a field cannot hold."""
        field = names.field(setting.field) if setting.field else None
        if field is None:
            return field_problems("set_field.field", setting.field, names)
        if "value" not in setting.model_fields_set:
            return [empty("set_field.value", "Say which value the field gets.")]
        if isinstance(setting.value, FromField):
            return _from_field_problems(field, setting.value.from_field, names)
        try:
            clean_value(field, setting.value)
        except InvalidValueError as fault:
            return [StepProblem("set_field.value", "wrong_type", fault.message)]
        return []

    def compile(self, setting: SetField, names: Names) -> dict[str, Any]:
        """Return ids for fields, the value typed as its field has it."""
        field = known_field(names, setting.field)
        compiled: dict[str, Any] = {"field_id": field.pk, "data_type": field.data_type}
        if isinstance(setting.value, FromField):
            source = known_field(names, setting.value.from_field)
            return {**compiled, "from_field_id": source.pk, "from_data_type": source.data_type}
        return {**compiled, "value": clean_value(field, setting.value)}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Write the field of each contact."""
        field = field_here(arrivals, settings["field_id"])
        if field is None:
            return
        if "from_field_id" in settings:
            _copy(arrivals, field, settings)
            return
        value = settings["value"]
        written = None if value is None else json.dumps(value)
        write_field(arrivals, field.pk, ONE_VALUE, value=written)


def _copy(arrivals: Arrivals, field: ProfileField, settings: Mapping[str, Any]) -> None:
    """Copy another field's value, read as this field's type; who has no such value is held."""
    if field_here(arrivals, settings["from_field_id"]) is None:
        return
    source = str(settings["from_field_id"])
    if settings["from_data_type"] == field.data_type and not field.max_length:
        write_field(arrivals, field.pk, OTHER_FIELD, source=source)
        return
    texts = [row[0] for row in arrivals.fetch(SOURCE_VALUES, source=source)]
    values = json.dumps({text: _read_as(field, text) for text in texts})
    arrivals.run(HOLD_UNUSABLE, source=source, values=values)
    write_field(arrivals, field.pk, READ_FIELD, source=source, values=values)


def _read_as(field: ProfileField, text: str) -> list[Any]:
    """Return [value] of a text as a field takes it, [] where it cannot."""
    try:
        return [clean_value(field, text)]
    except InvalidValueError:
        return []


def _from_field_problems(field: ProfileField, name: str, names: Names) -> list[StepProblem]:
    path = "set_field.value.from_field"
    source = names.field(name) if name else None
    if source is None:
        return field_problems(path, name, names)
    kinds = {source.data_type, field.data_type}
    fits = len(kinds) == 1 or field.data_type in TEXT_TYPES or source.data_type in READABLE
    if not fits:
        text = f"“{name}” ({source.data_type}) does not fit into a {field.data_type} field."
        return [StepProblem(path, "wrong_type", text)]
    return []


ACT = SetFieldAct()
