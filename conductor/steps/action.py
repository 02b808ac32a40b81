"""Change what is known of the contact: set a profile field, or write a date into one.

The value is a fixed one, another field's, or nothing (which clears the field). A date is that
of the arrival at this step or of the entry into the conversation, moved by an offset. Later
steps see the new value at once.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from accounts.actions import InvalidValueError
from conductor.steps import (
    Names,
    NameText,
    OffsetText,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    invalid,
    unknown,
)
from contacts.durations import parse_duration
from contacts.models import ProfileField
from contacts.values import clean_value

TEXT_TYPES = {"Text", "CommentArea", "ContentBlock"}
# What can be read as another type when the step runs.
READABLE = {*TEXT_TYPES, "RadioButton"}


class FromField(StepConfig):
    """The value of another field."""

    from_field: NameText = ""


class SetField(StepConfig):
    """A field and its new value; `value: null` clears it, no `value` is not set yet."""

    field: NameText = ""
    value: FromField | str | int | float | bool | None = Field(None, union_mode="left_to_right")

    def write(self) -> Any:
        """Return the settings as a file has them."""
        written: dict[str, Any] = {"field": self.field} if self.field else {}
        if "value" in self.model_fields_set:
            value = self.value
            written["value"] = value.write() if isinstance(value, FromField) else value
        return written


class SetDate(StepConfig):
    """A date field, and which date to write."""

    field: NameText = ""
    offset: OffsetText = ""
    of: Literal["step", "entry"] = "step"


class ActionConfig(StepConfig):
    """What to do: exactly one."""

    not_yet = {
        "set_difference": "setting a field to a difference",
        "set_coupon": "coupons",
        "random_group": "random groups",
        "raise_event": "raising an event",
        "subscribe": "subscribing to a list",
        "unsubscribe": "unsubscribing from a list",
        "enroll": "enrolling into another conversation",
        "add_to_segment": "adding to a segment",
        "remove_from_segment": "removing from a segment",
    }

    set_field: SetField | None = None
    set_date: SetDate | None = None

    @model_validator(mode="after")
    def one_act(self) -> Self:
        """Refuse two actions in one step."""
        if self.set_field is not None and self.set_date is not None:
            raise invalid("An action has one of set_field and set_date.")
        return self

    def write(self) -> Any:
        """Return the settings as a file has them."""
        if self.set_field is not None:
            return {"set_field": self.set_field.write()}
        return {"set_date": self.set_date.write()} if self.set_date is not None else {}


class Action(StepType[ActionConfig]):
    """Change the contact's profile."""

    kind = "action"
    label = "Action"
    family = "action"
    icon = "edit"
    keywords = ("Workflow to Enroll", "Segment to Update", "Set field", "Profile")
    Config = ActionConfig

    def sentence(self, config: ActionConfig) -> str:
        """Say what changes."""
        if config.set_field is not None and config.set_field.field:
            return _set_field_sentence(config.set_field)
        if config.set_date is not None and config.set_date.field:
            which = "the date of entry" if config.set_date.of == "entry" else "today"
            if config.set_date.offset:
                offset = parse_duration(config.set_date.offset, signed=True)
                side = "before" if offset.is_negative else "after"
                which = f"{offset.sentence()} {side} {which}"
            return f"Set {config.set_date.field} to {which}"
        return "Choose what to do"

    def problems(self, config: ActionConfig, names: Names) -> list[StepProblem]:
        """Find what is missing, unknown fields, values that a field cannot hold."""
        if config.set_field is not None:
            return _set_field_problems(config.set_field, names)
        if config.set_date is not None:
            path, name = "set_date.field", config.set_date.field
            field = names.field(name) if name else None
            if field is None:
                return [_missing_field(path, name)]
            if field.data_type != "Date":
                return [StepProblem(path, "wrong_type", f"“{name}” is no date field.")]
            return []
        return [empty("", "Choose what to do.")]

    def compile(self, config: ActionConfig, names: Names) -> dict[str, Any]:
        """Return ids for fields, the value typed as its field has it."""
        if config.set_field is not None:
            return {"set_field": _compile_set_field(config.set_field, names)}
        act = config.set_date or SetDate()
        offset = parse_duration(act.offset or "P0D", signed=True)
        return {
            "set_date": {
                "field_id": _known(names, act.field).pk,
                "months": offset.months,
                "days": offset.days,
                "of": act.of,
                "zone": names.zone,
            }
        }


def _set_field_problems(act: SetField, names: Names) -> list[StepProblem]:
    field = names.field(act.field) if act.field else None
    if field is None:
        return [_missing_field("set_field.field", act.field)]
    if "value" not in act.model_fields_set:
        return [empty("set_field.value", "Say which value the field gets.")]
    if isinstance(act.value, FromField):
        return _from_field_problems(field, act.value.from_field, names)
    try:
        clean_value(field, act.value)
    except InvalidValueError as fault:
        return [StepProblem("set_field.value", "wrong_type", fault.message)]
    return []


def _from_field_problems(field: ProfileField, name: str, names: Names) -> list[StepProblem]:
    path = "set_field.value.from_field"
    source = names.field(name) if name else None
    if source is None:
        return [_missing_field(path, name)]
    kinds = {source.data_type, field.data_type}
    fits = len(kinds) == 1 or field.data_type in TEXT_TYPES or source.data_type in READABLE
    if not fits:
        text = f"“{name}” ({source.data_type}) does not fit into a {field.data_type} field."
        return [StepProblem(path, "wrong_type", text)]
    return []


def _missing_field(path: str, name: str) -> StepProblem:
    return unknown(path, "field", name) if name else empty(path, "Choose the field.")


def _compile_set_field(act: SetField, names: Names) -> dict[str, Any]:
    field = _known(names, act.field)
    compiled: dict[str, Any] = {"field_id": field.pk, "data_type": field.data_type}
    if isinstance(act.value, FromField):
        source = _known(names, act.value.from_field)
        return {**compiled, "from_field_id": source.pk, "from_data_type": source.data_type}
    return {**compiled, "value": clean_value(field, act.value)}


def _known(names: Names, name: str) -> ProfileField:
    field = names.field(name)
    if field is None:
        raise ValueError("Only a step without problems is compiled.")
    return field


def _set_field_sentence(act: SetField) -> str:
    if isinstance(act.value, FromField):
        return f"Set {act.field} to the value of {act.value.from_field}"
    if act.value is None or act.value == "":
        return f"Clear {act.field}"
    return f"Set {act.field} to “{act.value}”"


STEP = Action()
