"""Change what is known of the contact: set a profile field, or write a date into one.

The value is a fixed one, another field's, or nothing (which clears the field). A date is that
of the arrival at this step or of the entry into the conversation, moved by an offset. Later
steps see the new value at once.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Tag, model_validator

from accounts.actions import InvalidValueError
from conductor.steps import (
    HERE,
    Arrivals,
    Names,
    NameText,
    OffsetText,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    invalid,
    shape,
    unknown,
)
from contacts.durations import parse_duration
from contacts.models import ProfileField
from contacts.values import clean_value

# Each contact here gets the value that `written` gives it; NULL clears the field.
WRITE_FIELD = """
    UPDATE contacts_subscription AS subscription
    SET
        profile = CASE
            WHEN written.value IS NULL THEN subscription.profile - %(field)s
            ELSE subscription.profile || jsonb_build_object(%(field)s, written.value)
        END,
        updated_at = %(now)s
    FROM ({written}) AS written
    WHERE
        subscription.id = written.subscription_id
        AND (subscription.profile -> %(field)s) IS DISTINCT FROM written.value
"""
ONE_VALUE = f"""
    SELECT arrivals.subscription_id, %(value)s::jsonb AS value FROM arrivals WHERE {HERE}
"""
OTHER_FIELD = f"""
    SELECT arrivals.subscription_id, source.profile -> %(source)s AS value
    FROM arrivals
    INNER JOIN contacts_subscription AS source ON source.id = arrivals.subscription_id
    WHERE {HERE}
"""
# What Python read: `values` maps each text of the source to [value], [] for an unusable one.
READ_FIELD = f"""
    SELECT
        arrivals.subscription_id,
        nullif(%(values)s::jsonb -> (source.profile ->> %(source)s) -> 0, 'null'::jsonb) AS value
    FROM arrivals
    INNER JOIN contacts_subscription AS source ON source.id = arrivals.subscription_id
    WHERE {HERE} AND arrivals.held_reason IS NULL
"""
SOURCE_VALUES = f"""
    SELECT DISTINCT source.profile ->> %(source)s
    FROM arrivals
    INNER JOIN contacts_subscription AS source ON source.id = arrivals.subscription_id
    WHERE {HERE} AND source.profile ->> %(source)s IS NOT NULL
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
LOCAL_DATE = f"""
    SELECT
        arrivals.subscription_id,
        to_jsonb(to_char(
            (({{moment}}) AT TIME ZONE {{zone}})::date
                + make_interval(months => %(months)s, days => %(days)s),
            'YYYY-MM-DD'
        )) AS value
    FROM arrivals
    INNER JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    WHERE {HERE}
"""

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
    passes = "next"
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

    def execute(self, arrivals: Arrivals) -> None:
        """Write the field of each contact; later steps of this tick see it."""
        if "set_date" in arrivals.settings:
            _write_date(arrivals, arrivals.settings["set_date"])
            return
        act = arrivals.settings["set_field"]
        if "from_field_id" in act:
            _copy_field(arrivals, act)
            return
        value = act["value"]
        arrivals.run(
            WRITE_FIELD.format(written=ONE_VALUE),
            field=str(act["field_id"]),
            value=None if value is None else json.dumps(value),
        )


def _copy_field(arrivals: Arrivals, act: Mapping[str, Any]) -> None:
    """Copy another field's value, read as this field's type; who has no such value is held."""
    given = {"field": str(act["field_id"]), "source": str(act["from_field_id"])}
    field = ProfileField.objects.get(pk=act["field_id"])
    if act["from_data_type"] == act["data_type"] and not field.max_length:
        arrivals.run(WRITE_FIELD.format(written=OTHER_FIELD), **given)
        return
    texts = [row[0] for row in arrivals.fetch(SOURCE_VALUES, source=given["source"])]
    values = json.dumps({text: _read_as(field, text) for text in texts})
    arrivals.run(HOLD_UNUSABLE, source=given["source"], values=values)
    arrivals.run(WRITE_FIELD.format(written=READ_FIELD), **given, values=values)


def _read_as(field: ProfileField, text: str) -> list[Any]:
    """Return [value] of a text as a field takes it, [] where it cannot."""
    try:
        return [clean_value(field, text)]
    except InvalidValueError:
        return []


def _write_date(arrivals: Arrivals, act: Mapping[str, Any]) -> None:
    moment = "enrolled.entered_at" if act["of"] == "entry" else "arrivals.arrived_at"
    arrivals.run(
        WRITE_FIELD.format(
            written=LOCAL_DATE.format(moment=moment, zone=arrivals.zone(act["zone"]))
        ),
        field=str(act["field_id"]),
        months=act["months"],
        days=act["days"],
    )


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
