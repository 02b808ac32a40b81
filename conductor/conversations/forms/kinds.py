"""The panel of each kind of step."""

import re
from typing import Any

from django import forms

from conductor.conversations.forms.messages import MessageForm, MobileForm
from conductor.conversations.forms.step import Place, RuleField, StepForm, rule_text
from conductor.steps.trigger import STEP as TRIGGER
from contacts.durations import Duration, InvalidDurationError, is_zone, parse_duration

NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?")
UNITS = {"days": "D", "weeks": "W", "months": "M", "years": "Y", "hours": "H", "minutes": "M"}
TIMED = {"hours", "minutes"}


class TriggerForm(StepForm):
    """What starts the thread."""

    kind = forms.ChoiceField(
        label="What starts this thread",
        choices=[
            ("", "Choose a trigger"),
            ("external_event", "External Event"),
            ("subscribed", "List: Subscribe"),
            ("resubscribed", "List: Subscribe again"),
            ("profile_updated", "List: Segment Update"),
            ("import", "Import"),
            ("none", "Nothing: only a Go To leads here"),
        ],
        required=False,
    )
    events = forms.MultipleChoiceField(
        label="External events",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Any of them lets a contact in.",
    )
    filter = RuleField(
        label="Only contacts who match", required=False, help_text="Empty: everybody."
    )
    fault_fields = {"external_event": "events", "list": "kind"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return what the form shows of the trigger."""
        kind = TRIGGER.listens_to(config)
        return {"kind": kind, "events": config.event_names, "filter": rule_text(config.filter)}

    def offer(self) -> None:
        """Offer the list's events; one that is gone stays until it is unticked."""
        known = self.place.events()
        gone = [name for name in self.place.step.config.event_names if name not in known]
        choices = [(name, name) for name in known]
        self.fields["events"].choices = [  # type: ignore[attr-defined]
            *choices,
            *((name, f"{name} (no longer on this list)") for name in gone),
        ]

    def exit_defaults(self) -> dict[str, str]:
        """Leave a trigger's way as it is."""
        return {}

    def settings(self) -> Any:
        """Return the trigger as a file has it."""
        given = self.cleaned_data
        kind, rule = given["kind"], given["filter"]
        written: dict[str, Any] = {}
        if kind == "external_event":
            written["external_event"] = given["events"]
        elif kind in {"import", "none"}:
            written[kind] = True
        elif kind:
            written["list"] = kind
        if rule:
            written["filter"] = rule
        return written


class FilterForm(StepForm):
    """Who goes on."""

    rule = RuleField(label="Contacts go on who match", required=False)
    fault_fields = {"": "rule"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return the rule's text."""
        return {"rule": rule_text(config.rule)}

    def settings(self) -> Any:
        """Return the rule."""
        return self.cleaned_data["rule"]


class GoToForm(StepForm):
    """Where to, and for whom."""

    to = forms.ChoiceField(label="Go to", required=False)
    filter = RuleField(
        label="Only contacts who match",
        required=False,
        help_text="Empty: everybody. The others take the next step.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return target and rule."""
        return {"to": config.to, "filter": rule_text(config.filter)}

    def offer(self) -> None:
        """Offer every step; one that is gone stays until another is chosen."""
        targets = self.place.targets()
        present = self.place.step.config.to
        choices = [("", "Choose a step"), *targets]
        if present and present not in dict(targets):
            choices.append((present, f"{present} (not there any more)"))
        self.fields["to"].choices = choices  # type: ignore[attr-defined]

    def exit_defaults(self) -> dict[str, str]:
        """Offer the way of those who do not match, once there is a filter."""
        return {k: v for k, v in super().exit_defaults().items() if k != "match"}

    def settings(self) -> Any:
        """Return target and filter."""
        given = {name: self.cleaned_data[name] for name in ("to", "filter")}
        return {name: value for name, value in given.items() if value}


class WaitForm(StepForm):
    """How long, until when, or until which date of the contact's."""

    mode = forms.ChoiceField(
        label="Wait",
        choices=[
            ("for", "For a time"),
            ("until", "Until a moment"),
            ("until_field", "Until a date in the profile"),
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
    )
    field = forms.ChoiceField(required=False, label="Date field")
    offset = forms.IntegerField(
        required=False, label="Days before or after", min_value=-1800, max_value=1800,
        help_text="-3 is three days before the date.",
    )  # fmt: skip
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
    time_zone = forms.CharField(
        required=False,
        label="Time zone",
        help_text="Empty: the conversation's. account, contact, or a name such as Europe/Berlin.",
    )
    fault_fields = {"for": "amount", "until_field.field": "field", "until_field.at": "at"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return the mode and its values."""
        shown: dict[str, Any] = {"mode": "for", "unit": "days", "time_zone": config.time_zone}
        if config.for_:
            shown["amount"], shown["unit"] = amount_and_unit(parse_duration(config.for_))
        elif config.until:
            shown.update(mode="until", until=config.until)
        elif config.until_field is not None:
            until = config.until_field
            shown.update(mode="until_field", field=until.field, at=until.at, year=until.year)
            if until.offset:
                shown["offset"] = parse_duration(until.offset, signed=True).days
        return shown

    def offer(self) -> None:
        """Offer the list's date fields."""
        self.fields["field"].choices = [  # type: ignore[attr-defined]
            ("", "Choose a date field"),
            *self.place.fields(["Date"]),
        ]
        # A moment with an offset is shown as it is written.
        if "+" in (until := self.initial.get("until", "")) or until.endswith("Z"):
            self.fields["until"].widget = forms.TextInput()

    def clean(self) -> dict[str, Any]:
        """Read the duration."""
        given = self.cleaned_data
        if given.get("mode") == "for" and given.get("amount", "").strip():
            try:
                given["duration"] = str(read_amount(given["amount"].strip(), given["unit"]))
            except InvalidDurationError as fault:
                self.add_error("amount", str(fault))
        zone = given.get("time_zone", "").strip()
        if zone and zone not in {"account", "contact"} and not is_zone(zone):
            self.add_error("time_zone", f"{zone!r} is no time zone.")
        return given

    def settings(self) -> Any:
        """Return the wait as a file has it."""
        given = self.cleaned_data
        written: dict[str, Any] = {}
        if given["mode"] == "for" and given.get("duration"):
            written["for"] = given["duration"]
        elif given["mode"] == "until":
            written["until"] = given["until"]
        elif given["mode"] == "until_field":
            offset = given["offset"]
            until = {
                "field": given["field"],
                "offset": str(Duration(days=offset)) if offset else "",
                "at": given["at"],
                "year": given["year"] or "same",
            }
            written["until_field"] = {name: value for name, value in until.items() if value}
        if given["time_zone"].strip():
            written["time_zone"] = given["time_zone"].strip()
        return written


def amount_and_unit(duration: Duration) -> tuple[str, str]:
    """Return a duration as a number and a unit; the ISO text where it has several units."""
    parts = [bool(duration.months), bool(duration.days), bool(duration.seconds)]
    if sum(parts) == 1:
        if duration.days:
            return str(duration.days), "days"
        if duration.months:
            years, months = divmod(duration.months, 12)
            return (str(years), "years") if not months else (str(duration.months), "months")
        hours, rest = divmod(duration.seconds, 3600)
        if not rest:
            return str(int(hours)), "hours"
        if not duration.seconds % 60:
            return str(int(duration.seconds // 60)), "minutes"
    return str(duration), "iso"


def read_amount(amount: str, unit: str) -> Duration:
    """
    Read a number and a unit.

    :raises InvalidDurationError: with a sentence.
    """
    if unit == "iso" or amount.upper().startswith("P"):
        return parse_duration(amount.upper())
    if not amount.isdecimal():
        raise InvalidDurationError("How many? A whole number such as 3.")
    time = "T" if unit in TIMED else ""
    return parse_duration(f"P{time}{int(amount)}{UNITS[unit]}")


class ActionForm(StepForm):
    """What to write into the profile."""

    act = forms.ChoiceField(
        label="What to do",
        choices=[
            ("", "Choose"),
            ("set", "Set a field to a value"),
            ("copy", "Set a field to another field's value"),
            ("clear", "Clear a field"),
            ("date", "Write a date into a field"),
        ],
        required=False,
    )
    field = forms.ChoiceField(required=False, label="Field")
    value = forms.CharField(
        required=False, label="Value", help_text="Of a check box: on or off. Of a date: 2026-11-30."
    )
    from_field = forms.ChoiceField(required=False, label="The value of")
    of = forms.ChoiceField(
        required=False,
        label="Which date",
        choices=[("step", "The day the contact comes here"), ("entry", "The day it entered")],
    )
    offset = forms.IntegerField(
        required=False, label="Days before or after", min_value=-1800, max_value=1800
    )
    fault_fields = {
        "set_field.field": "field",
        "set_date.field": "field",
        "set_field.value": "value",
        "set_field.value.from_field": "from_field",
        "set_date.offset": "offset",
    }

    def read(self, config: Any) -> dict[str, Any]:
        """Return the act and its values."""
        if config.set_date is not None:
            act = config.set_date
            days = parse_duration(act.offset, signed=True).days if act.offset else None
            return {"act": "date", "field": act.field, "of": act.of, "offset": days}
        if config.set_field is None:
            return {}
        act = config.set_field
        if hasattr(act.value, "from_field"):
            return {"act": "copy", "field": act.field, "from_field": act.value.from_field}
        if act.value is None and "value" in act.model_fields_set:
            return {"act": "clear", "field": act.field}
        shown = {True: "on", False: "off", None: ""}.get(act.value, act.value)
        return {"act": "set", "field": act.field, "value": shown}

    def offer(self) -> None:
        """Offer the list's fields."""
        for name in ("field", "from_field"):
            self.fields[name].choices = [  # type: ignore[attr-defined]
                ("", "Choose a field"),
                *self.place.fields(),
            ]

    def settings(self) -> Any:
        """Return the action as a file has it."""
        given = self.cleaned_data
        act, field = given["act"], given["field"]
        if act == "date":
            offset = given["offset"]
            written = {
                "field": field,
                "offset": str(Duration(days=offset)) if offset else "",
                "of": given["of"] or "step",
            }
            return {"set_date": {name: value for name, value in written.items() if value}}
        values: dict[str, Any] = {
            "set": {"value": self.typed_value()},
            "copy": {"value": {"from_field": given["from_field"]}},
            "clear": {"value": None},
        }
        return {"set_field": {"field": field, **values[act]}} if act else {}

    def typed_value(self) -> Any:
        """Return the value as its field's type has it, so that files read well."""
        value = self.cleaned_data["value"]
        field = self.place.names.field(self.cleaned_data["field"])
        if field is not None and field.data_type == "Numeric" and NUMBER.fullmatch(value):
            return float(value) if "." in value else int(value)
        return value


class TerminateForm(StepForm):
    """Whether this end was hoped for."""

    goal = forms.BooleanField(
        required=False,
        label="The goal is reached here",
        help_text="Contacts who end here count as converted.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return whether it is a goal."""
        return {"goal": config.goal}

    def settings(self) -> Any:
        """Return the settings."""
        return {"goal": True} if self.cleaned_data["goal"] else {}


FORMS: dict[str, type[StepForm]] = {
    "trigger": TriggerForm,
    "filter": FilterForm,
    "go_to": GoToForm,
    "wait": WaitForm,
    "message": MessageForm,
    "mobile_message": MobileForm,
    "action": ActionForm,
    "terminate": TerminateForm,
}


def form_of(place: Place, data: Any = None) -> StepForm:
    """Return the form of a step."""
    return FORMS[place.step.kind](data, place=place)
