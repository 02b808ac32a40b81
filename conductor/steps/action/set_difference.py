"""Write into a number field how many days, weeks or months have passed since a date field.

Counted from the field's date to the day on which the contact came here, in whole units, what
is left over dropped: 20 days are 2 weeks. A date that is still to come gives a negative
number. A month has passed when its day, or the last one of a shorter month, has come again.
Without a date the number is cleared.
"""

from collections.abc import Mapping
from typing import Any, Literal

from conductor.steps import Arrivals, Names, NameText, StepConfig, StepProblem
from conductor.steps.action.act import (
    Act,
    field_here,
    field_problems,
    known_field,
    write_dated,
)

Unit = Literal["days", "weeks", "months"]

# `since` is the field's date, `until` the local date of arrival; the earlier one counts.
DAYS = "(between_dates.until - between_dates.since)"
MONTHS = """(
    sign(between_dates.until - between_dates.since)::integer * (
        between_dates.months - CASE
            WHEN (between_dates.earlier + make_interval(months => between_dates.months))::date
                > between_dates.later THEN 1
            ELSE 0
        END
    )
)"""
UNITS: Mapping[str, str] = {"days": DAYS, "weeks": f"({DAYS} / 7)", "months": MONTHS}
# A lateral table cannot see the row that is updated: the value is one expression over it.
DIFFERENCE = """(
    SELECT to_jsonb({number})
    FROM (
        SELECT
            bounds.*,
            least(bounds.since, bounds.until) AS earlier,
            greatest(bounds.since, bounds.until) AS later,
            (
                12 * (
                    extract(YEAR FROM greatest(bounds.since, bounds.until))
                    - extract(YEAR FROM least(bounds.since, bounds.until))
                )
                + extract(MONTH FROM greatest(bounds.since, bounds.until))
                - extract(MONTH FROM least(bounds.since, bounds.until))
            )::integer AS months
        FROM (
            SELECT
                (subscription.profile ->> %(source)s::text)::date AS since,
                (arrivals.arrived_at AT TIME ZONE {zone})::date AS until
        ) AS bounds
    ) AS between_dates
    WHERE between_dates.since IS NOT NULL
)"""


class SetDifference(StepConfig):
    """A number field, the date field it counts from, and in what."""

    field: NameText = ""
    from_field: NameText = ""
    unit: Unit = "days"


class SetDifferenceAct(Act[SetDifference]):
    """Write how long ago a date was."""

    name = "set_difference"
    place = 3
    label = "Write the time since a date into a field"
    Setting = SetDifference

    def sentence(self, setting: SetDifference) -> str:
        """Say which number goes where."""
        if not setting.field or not setting.from_field:
            return ""
        return f"Set {setting.field} to the {setting.unit} since {setting.from_field}"

    def problems(self, setting: SetDifference, names: Names) -> list[StepProblem]:
        """Find missing fields, or those of another type."""
        return [
            *field_problems(
                "set_difference.field", setting.field, names, of_type=("Numeric",), kind="number"
            ),
            *field_problems(
                "set_difference.from_field",
                setting.from_field,
                names,
                of_type=("Date",),
                kind="date",
            ),
        ]

    def compile(self, setting: SetDifference, names: Names) -> dict[str, Any]:
        """Return the ids of both fields."""
        return {
            "field_id": known_field(names, setting.field).pk,
            "from_field_id": known_field(names, setting.from_field).pk,
            "unit": setting.unit,
            "zone": names.zone,
        }

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Write the number."""
        for name in ("field_id", "from_field_id"):
            if field_here(arrivals, settings[name]) is None:
                return
        write_dated(
            arrivals,
            settings["field_id"],
            DIFFERENCE.replace("{number}", UNITS[settings["unit"]]),
            zone=settings["zone"],
            source=str(settings["from_field_id"]),
        )


ACT = SetDifferenceAct()
