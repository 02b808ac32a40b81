"""The panel of a wait: how long, until when, and in which hours."""

from typing import Any

from django import forms

from conductor.conversations.forms.durations import (
    UNITS,
    amount_and_unit,
    offset_text,
    read_amount,
    read_offset,
)
from conductor.conversations.forms.step import StepForm
from conductor.steps.wait.settings import WEEKDAYS
from contacts.durations import InvalidDurationError, is_zone

DAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday",
    "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
NTH = [("1", "first"), ("2", "second"), ("3", "third"), ("4", "fourth"), ("5", "fifth")]
PARTS = "mode=until_parts"
FIELD = "mode=until_field"


class WaitForm(StepForm):
    """How long, until when, or until which date of the contact's."""

    template = "conversations/panels/rows.html"

    mode = forms.ChoiceField(
        label="Wait",
        choices=[
            ("for", "For a time"),
            ("until", "Until a moment"),
            ("until_field", "Until a date in the profile"),
            ("until_parts", "Until a day put together from parts (advanced)"),
        ],
        widget=forms.RadioSelect,
    )
    amount = forms.CharField(required=False, label="How long")
    unit = forms.ChoiceField(
        required=False,
        label="Unit",
        choices=[*((unit, unit) for unit in UNITS), ("iso", "as a duration, such as P1DT6H")],
    )
    until = forms.CharField(
        required=False,
        label="Moment",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="By the clock below. Contacts who come later go on at once.",
    )
    field = forms.ChoiceField(required=False, label="Date field")
    offset = forms.CharField(
        required=False, label="Days before or after", help_text="-3 is three days before the date."
    )
    at = forms.CharField(
        required=False,
        label="At",
        widget=forms.TextInput(attrs={"type": "time"}),
        help_text="Empty: the time of day at which the contact came.",
    )
    year = forms.ChoiceField(
        required=False,
        label="Year",
        choices=[
            ("same", "The date as it is"),
            ("next_occurrence", "Its next anniversary (birthdays)"),
        ],
    )
    day = forms.ChoiceField(
        required=False,
        label="Day",
        choices=[
            ("", "The day of arrival"),
            ("number", "A day of the month"),
            ("nth", "A weekday of the month, such as the first Monday"),
            ("field", "The day of a date in the profile"),
        ],
    )
    day_number = forms.IntegerField(
        required=False, label="Day of the month", min_value=1, max_value=31,
        help_text="In a shorter month, its last day.",
    )  # fmt: skip
    day_nth = forms.ChoiceField(required=False, label="Which", choices=[*NTH, ("last", "last")])
    day_weekday = forms.ChoiceField(required=False, label="Weekday", choices=list(DAYS.items()))
    day_field = forms.ChoiceField(required=False, label="Date field of the day")
    month = forms.ChoiceField(required=False, label="Month")
    part_year = forms.ChoiceField(required=False, label="Year of the day")
    part_year_number = forms.IntegerField(
        required=False, label="Which year", min_value=1970, max_value=2200
    )
    roll = forms.BooleanField(
        required=False,
        label="If that day has passed, take a later year",
    )
    part_time = forms.ChoiceField(
        required=False,
        label="Time of day",
        choices=[
            ("", "The time at which the contact came here"),
            ("entry", "The time at which it entered the conversation"),
            ("clock", "A fixed time"),
        ],
    )
    part_clock = forms.CharField(
        required=False, label="Fixed time", widget=forms.TextInput(attrs={"type": "time"})
    )
    part_offset = forms.CharField(
        required=False,
        label="Moved by days",
        help_text="-28 is four weeks before that day.",
    )
    window_days = forms.MultipleChoiceField(
        required=False,
        label="Go on only on these days",
        choices=list(DAYS.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: any day.",
    )
    window_from = forms.CharField(
        required=False,
        label="from",
        widget=forms.TextInput(attrs={"type": "time"}),
    )
    window_to = forms.CharField(
        required=False,
        label="to",
        widget=forms.TextInput(attrs={"type": "time"}),
        help_text="Who would go on at another time waits for the next such hour.",
    )
    time_zone = forms.CharField(
        required=False,
        label="Time zone",
        help_text="Empty: the conversation's. account, contact, or a name such as Europe/Berlin.",
    )
    shown_by = {
        "amount": "mode=for",
        "unit": "mode=for",
        "until": "mode=until",
        **dict.fromkeys(("field", "offset", "at", "year"), FIELD),
        **dict.fromkeys(("day", "month", "part_year", "roll", "part_time", "part_offset"), PARTS),
        "day_number": f"{PARTS};day=number",
        "day_nth": f"{PARTS};day=nth",
        "day_weekday": f"{PARTS};day=nth",
        "day_field": f"{PARTS};day=field",
        "part_year_number": f"{PARTS};part_year=number",
        "part_clock": f"{PARTS};part_time=clock",
    }
    fault_fields = {
        "for": "amount",
        "until_field.field": "field",
        "until_field.at": "at",
        "until_field.offset": "offset",
        "until_parts": "day",
        "until_parts.day": "day",
        "until_parts.month": "month",
        "until_parts.year": "part_year",
        "until_parts.time": "part_time",
        "until_parts.offset": "part_offset",
        "window": "window_from",
        "window.from": "window_from",
        "window.to": "window_to",
        "window.days": "window_days",
    }

    def read(self, config: Any) -> dict[str, Any]:
        """Return the mode and its values."""
        shown: dict[str, Any] = {"mode": "for", "unit": "days", "time_zone": config.time_zone}
        if config.for_:
            shown["amount"], shown["unit"] = amount_and_unit(config.for_)
        elif config.until:
            shown.update(mode="until", until=config.until)
        elif config.until_field is not None:
            until = config.until_field
            shown.update(mode="until_field", field=until.field, at=until.at, year=until.year)
            shown["offset"] = offset_text(until.offset)
        elif config.until_parts is not None:
            shown.update(mode="until_parts", **_parts_shown(config.until_parts))
        if config.window is not None:
            window = config.window
            shown.update(
                window_days=list(window.days), window_from=window.from_, window_to=window.to
            )
        return shown

    def offer(self) -> None:
        """Offer the list's date fields."""
        dates = [name for name, _ in self.place.fields(["Date"])]
        shown = self.initial
        self.choose("field", dates, [shown.get("field", "")], none="Choose a date field")
        self.choose("day_field", dates, [shown.get("day_field", "")], none="Choose a date field")
        named: Any = self.fields["month"]
        named.choices = [
            ("", "The month of arrival"),
            ("entry", "The month of entry"),
            *((str(number), name) for number, name in enumerate(MONTHS, 1)),
            *_of_fields(dates, shown.get("month", ""), "The month of"),
        ]
        year: Any = self.fields["part_year"]
        year.choices = [
            ("", "The year of arrival"),
            ("entry", "The year of entry"),
            ("number", "A fixed year"),
            *_of_fields(dates, shown.get("part_year", ""), "The year of"),
        ]
        # A moment with an offset is shown as it is written.
        if "+" in (until := shown.get("until", "")) or until.endswith("Z"):
            self.fields["until"].widget = forms.TextInput()

    def clean(self) -> dict[str, Any]:
        """Read the duration and the zone."""
        given = self.cleaned_data
        if given.get("mode") == "for" and given.get("amount", "").strip():
            try:
                given["duration"] = read_amount(given["amount"].strip(), given["unit"])
            except InvalidDurationError as fault:
                self.add_error("amount", str(fault))
        zone = given.get("time_zone", "").strip()
        if zone and zone not in {"account", "contact"} and not is_zone(zone):
            self.add_error("time_zone", f"{zone!r} is no time zone.")
        return given

    def settings(self) -> Any:
        """Return the wait as a file has it."""
        given = self.cleaned_data
        ways: dict[str, Any] = {
            "for": {"for": given["duration"]} if given.get("duration") else {},
            "until": {"until": given["until"]},
            "until_field": {"until_field": self.until_field()},
            "until_parts": {"until_parts": self.until_parts()},
        }
        written: dict[str, Any] = dict(ways[given["mode"]])
        window = {
            "days": [day for day in WEEKDAYS if day in given["window_days"]],
            "from": given["window_from"],
            "to": given["window_to"],
        }
        if any(window.values()):
            written["window"] = {name: value for name, value in window.items() if value}
        if given["time_zone"].strip():
            written["time_zone"] = given["time_zone"].strip()
        return written

    def until_field(self) -> dict[str, Any]:
        """Return the date in the profile."""
        given = self.cleaned_data
        until = {
            "field": given["field"],
            "offset": read_offset(given["offset"]),
            "at": given["at"],
            "year": given["year"] or "same",
        }
        return {name: value for name, value in until.items() if value}

    def until_parts(self) -> dict[str, Any]:
        """Return the parts of the day."""
        given = self.cleaned_data
        nth = given["day_nth"]
        days: dict[str, Any] = {
            "number": given["day_number"],
            "nth": {
                "nth": nth if nth == "last" else int(nth or 1),
                "weekday": given["day_weekday"] or "mon",
            },
            "field": given["day_field"],
        }
        month, year = given["month"], given["part_year"]
        parts = {
            "day": days.get(given["day"]),
            "month": int(month) if month.isdecimal() else month,
            "year": given["part_year_number"] if year == "number" else year,
            "roll": given["roll"],
            "time": given["part_clock"] if given["part_time"] == "clock" else given["part_time"],
            "offset": read_offset(given["part_offset"]),
        }
        return {name: value for name, value in parts.items() if value}


def _of_fields(dates: list[str], present: str, words: str) -> list[tuple[str, str]]:
    gone = [present] if "." in present and present not in dates else []
    return [(name, f"{words} {name}") for name in [*dates, *gone]]


def _parts_shown(parts: Any) -> dict[str, Any]:
    """Return what the form shows of a day put together from parts."""
    shown: dict[str, Any] = {
        "month": str(parts.month),
        "roll": parts.roll,
        "part_offset": offset_text(parts.offset),
    }
    if isinstance(parts.day, int):
        shown.update(day="number", day_number=parts.day)
    elif isinstance(parts.day, str):
        shown.update(day="field" if parts.day else "", day_field=parts.day)
    else:
        shown.update(day="nth", day_nth=str(parts.day.nth), day_weekday=parts.day.weekday)
    if isinstance(parts.year, int):
        shown.update(part_year="number", part_year_number=parts.year)
    else:
        shown["part_year"] = parts.year
    is_clock = parts.time not in {"", "entry"}
    shown.update(part_time="clock" if is_clock else parts.time)
    if is_clock:
        shown["part_clock"] = parts.time
    return shown
