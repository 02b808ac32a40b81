"""Write into a date field the day on which the contact came here, or on which it entered.

An offset moves that day. The calendar is that of the conversation's time zone.
"""

from collections.abc import Mapping
from typing import Any, Literal

from conductor.steps import Arrivals, Names, NameText, OffsetText, StepConfig, StepProblem
from conductor.steps.action.act import (
    Act,
    field_here,
    field_problems,
    known_field,
    write_dated,
)
from contacts.durations import parse_duration

LOCAL_DATE = """
    to_jsonb(to_char(
        (({moment}) AT TIME ZONE {zone})::date + make_interval(months => %(months)s, days => %(days)s),
        'YYYY-MM-DD'
    ))
"""


class SetDate(StepConfig):
    """A date field, and which date to write."""

    field: NameText = ""
    offset: OffsetText = ""
    of: Literal["step", "entry"] = "step"


class SetDateAct(Act[SetDate]):
    """Write a day into a field."""

    name = "set_date"
    place = 2
    label = "Write a date into a field"
    Setting = SetDate

    def sentence(self, setting: SetDate) -> str:
        """Say which date goes where."""
        if not setting.field:
            return ""
        which = "the date of entry" if setting.of == "entry" else "today"
        if setting.offset:
            offset = parse_duration(setting.offset, signed=True)
            side = "before" if offset.is_negative else "after"
            which = f"{offset.sentence()} {side} {which}"
        return f"Set {setting.field} to {which}"

    def problems(self, setting: SetDate, names: Names) -> list[StepProblem]:
        """Find a missing field, or one that is no date."""
        return field_problems(
            "set_date.field", setting.field, names, of_type=("Date",), kind="date"
        )

    def compile(self, setting: SetDate, names: Names) -> dict[str, Any]:
        """Return the field's id and the offset."""
        offset = parse_duration(setting.offset or "P0D", signed=True)
        return {
            "field_id": known_field(names, setting.field).pk,
            "months": offset.months,
            "days": offset.days,
            "of": setting.of,
            "zone": names.zone,
        }

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Write the day."""
        if field_here(arrivals, settings["field_id"]) is None:
            return
        moment = "enrolled.entered_at" if settings["of"] == "entry" else "arrivals.arrived_at"
        write_dated(
            arrivals,
            settings["field_id"],
            LOCAL_DATE.replace("{moment}", moment),
            zone=settings["zone"],
            months=settings["months"],
            days=settings["days"],
        )


ACT = SetDateAct()
