"""What the forms of all kinds of steps share: name, exits, rules, linked choices."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from accounts.models import List
from conductor.conversations.document import Document, StepNode
from conductor.conversations.drawing import card_text
from conductor.conversations.forms.catalog import rule_catalog
from conductor.conversations.names import ListNames
from conductor.conversations.reading import Fault, MalformedConversationError, read_structure
from conductor.conversations.writing import write_yaml
from conductor.steps import END, NEXT
from contacts import filters
from contacts.models import ExternalEvent, ProfileField

Choice = tuple[str, str]

# What a way out is led to for a thread of its own, begun by *Update*; no step's key is that.
NEW_THREAD = "+thread"


@dataclass(frozen=True)
class Place:
    """Where a step stands: what its form offers follows from it."""

    in_list: List
    document: Document
    step: StepNode
    names: ListNames

    def fields(self, types: Iterable[str] = ()) -> list[Choice]:
        """Return the list's profile fields, all or of some data types, as choices."""
        wanted = set(types)
        found = ProfileField.objects.filter(list=self.in_list).select_related("group")
        return [
            (name, name)
            for field in found.order_by("group__position", "group__name", "position", "name")
            if not wanted or field.data_type in wanted
            for name in [f"{field.group.name}.{field.name}"]
        ]

    def events(self) -> list[str]:
        """Return the list's external events."""
        events = ExternalEvent.objects.filter(list=self.in_list)
        return list(events.order_by("name").values_list("name", flat=True))

    def targets(self) -> list[Choice]:
        """Return the steps that an exit may lead to."""
        steps = self.document.steps()
        return [
            (step.key, f"{thread.name}: {_begins(step) or card_text(step, steps)}")
            for _, thread, step in self.document.places()
            if step.key != self.step.key and not (step.kind == "trigger" and not step.config.none)
        ]

    def catalog(self) -> str:
        """Return what the rule editor offers, as JSON."""
        threads = [thread.name for thread in self.document.threads]
        return json.dumps(rule_catalog(self.in_list, threads=threads))


class RuleField(forms.CharField):
    """A rule as text, YAML or JSON; the page draws an editor over it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(
            attrs={"class": "code", "rows": 8, "spellcheck": "false", "data-rule": ""}
        )
        super().__init__(widget=widget, strip=True, **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the rule's structure; {} for none."""
        written = super().clean(value)
        if not written:
            return {}
        try:
            rule = filters.parse(read_structure(written))
        except MalformedConversationError as malformed:
            raise forms.ValidationError([str(fault) for fault in malformed.faults]) from malformed
        except filters.Malformed as malformed:
            raise forms.ValidationError(
                [f"{path}: {text}" if path else text for path, text in malformed.faults]
            ) from malformed
        return filters.write(rule)


def _begins(step: StepNode) -> str:
    """Return how a thread's beginning is offered as a target; "" for other steps."""
    return "its beginning" if step.kind == "trigger" and not step.name else ""


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return a rule as the editor's text."""
    return write_yaml(dict(rule)) if rule else ""


class LinkedSelect(forms.Select):
    """
    A drop-down whose options go with what other controls of the form hold.

    `links` stands beside `choices`: for each, {control's name: values it goes with}.
    """

    links: Sequence[Mapping[str, Sequence[str]]] = ()

    def create_option(
        self,
        name: str,
        value: Any,
        label: int | str,
        selected: bool,  # noqa: FBT001 - Django's own signature
        index: int,
        subindex: int | None = None,
        attrs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write an option's links into it."""
        option = super().create_option(name, value, label, selected, index, subindex, attrs)
        if index < len(self.links) and self.links[index]:
            option["attrs"]["data-with"] = json.dumps(self.links[index])
        return option


class StepForm(forms.Form):
    """
    The panel of one kind of step.

    `settings()` returns what was written as a conversation file has it. `tabs` are the
    panel's: (word in the address, label, template).
    """

    tabs: ClassVar[Sequence[tuple[str, str]]] = ()
    # The panel's template; "" is the kind's own.
    template: ClassVar[str] = ""
    # Which fields show only while another holds a value: {field: "mode=for|until"}.
    shown_by: Mapping[str, str] = {}
    # Whether the ways out are what this step is for.
    shows_exits: ClassVar[bool] = False
    # Where a fault's path is not the field's name: {path within the settings: field}.
    fault_fields: ClassVar[Mapping[str, str]] = {}

    name = forms.CharField(
        max_length=120,
        required=False,
        label="Name",
        help_text="Empty: the step says what it does.",
    )

    def __init__(self, data: Any, *, place: Place) -> None:
        self.place = place
        super().__init__(data, initial={"name": place.step.name, **self.read(place.step.config)})
        self.offer()
        self.offer_exits()

    def read(self, config: Any) -> dict[str, Any]:
        """Return what the form shows of a step's settings."""
        return {}

    def offer(self) -> None:
        """Fill the drop-downs."""

    def settings(self) -> Any:
        """Return the settings as a conversation file has them."""
        raise NotImplementedError

    @property
    def rows(self) -> list[tuple[forms.BoundField, str]]:
        """The fields in order, each with what shows it; the name and the exits stand apart."""
        return [
            (self[name], self.shown_by.get(name, ""))
            for name in self.fields
            if name != "name" and not name.startswith("exit_")
        ]

    def choose(
        self, field: str, names: Iterable[str], present: Iterable[str], *, none: str = ""
    ) -> None:
        """Offer names in a drop-down or as boxes; a present one that is gone stays for now."""
        known = list(names)
        gone = [name for name in present if name and name not in known]
        self.fields[field].choices = [  # type: ignore[attr-defined]
            *([("", none)] if none else []),
            *((name, name) for name in known),
            *((name, f"{name} (no longer there)") for name in gone),
        ]

    # --- exits

    def exit_defaults(self) -> dict[str, str]:
        """Return the exits that this panel may redirect, with where they lead by themselves."""
        defaults: dict[str, str] = self.place.step.type.exits(self.place.step.config)
        return defaults

    def offer_exits(self) -> None:
        """Add a drop-down for each way out."""
        targets = self.place.targets()
        for name, default in self.exit_defaults().items():
            said = {NEXT: "The next step", END: "Ends the conversation"}.get(default, default)
            begun = [] if name == "next" else [(NEW_THREAD, "A new thread …")]
            self.fields[f"exit_{name}"] = forms.ChoiceField(
                required=False,
                label=EXIT_LABELS.get(name, name.replace("_", " ")),
                choices=[("", said), *begun, *targets],
                initial=self.place.step.exits.get(name, ""),
            )

    @property
    def exit_fields(self) -> list[forms.BoundField]:
        """The drop-downs of the exits."""
        return [self[name] for name in self.fields if name.startswith("exit_")]

    @property
    def opens_exits(self) -> bool:
        """Whether the drop-downs of the exits are shown at once."""
        return self.shows_exits or any(field.value() for field in self.exit_fields)

    def exits(self) -> dict[str, str]:
        """Return the redirected exits, but those into threads that are still to begin."""
        return {name: target for name, target in self.leads().items() if target != NEW_THREAD}

    def new_threads(self) -> dict[str, str]:
        """Return the threads to begin: {exit that leads there: the thread's name}."""
        return {
            name: self.thread_name(name)
            for name, target in self.leads().items()
            if target == NEW_THREAD
        }

    def thread_name(self, exit_name: str) -> str:
        """Return what a thread is called that begins behind a way out."""
        said = EXIT_LABELS.get(exit_name, exit_name.replace("_", " "))
        return said[:1].upper() + said[1:]

    def leads(self) -> dict[str, str]:
        """Return where each redirected exit leads; those that the panel does not show stay."""
        given = {
            name.removeprefix("exit_"): value
            for name, value in self.cleaned_data.items()
            if name.startswith("exit_")
        }
        kept = {k: v for k, v in self.place.step.exits.items() if k not in given}
        return {**kept, **{name: target for name, target in given.items() if target}}

    def show_fault(self, fault: Fault) -> None:
        """Put a fault beside its field."""
        within = fault.path.removeprefix(self.place.step.kind).removeprefix(".")
        setting = within.partition("[")[0]
        name = self.fault_fields.get(within, self.fault_fields.get(setting, setting))
        if name not in self.fields:
            name = setting.partition(".")[0]
        self.add_error(name if name in self.fields else None, fault.text)


EXIT_LABELS = {
    "next": "Then",
    "else": "Everybody else",
    "otherwise": "Those who do not match",
    "past": "If the moment has passed",
    "no_date": "If there is no date",
}
