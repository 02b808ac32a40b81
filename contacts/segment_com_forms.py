"""The form of a mapping of Segment's calls: which calls, whose profile, what is written."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db.models import TextChoices
from django.http import QueryDict

from accounts.actions import InvalidValueError
from accounts.models import List
from contacts.actions.segment_mappings import (
    LONGEST,
    MOST_VALUES,
    SWITCHES,
    USE_AUDIENCE_KEY,
    NewMapping,
    check_values,
    is_trait,
)
from contacts.models import ProfileField, SegmentEventType, SegmentMapping

VALUES = "values"
TRACK, IDENTIFY = SegmentEventType.TRACK.value, SegmentEventType.IDENTIFY.value


class How(TextChoices):
    """Where the value of a profile field comes from."""

    LITERAL = "literal", "A fixed value"
    AUDIENCE = "audience", "Use audience key"
    TRAIT = "trait", "A trait"


# What a call of either type can bring.
HOWS = {TRACK: [How.AUDIENCE, How.LITERAL], IDENTIFY: [How.TRAIT, How.LITERAL]}


class MappingForm(forms.Form):
    """Which calls a mapping is for, and whose profile they write to; `values` are rows beside it."""

    name = forms.CharField(max_length=100, label="Mapping name")
    list = forms.ModelChoiceField(
        queryset=List.objects.none(),
        label="List",
        empty_label=None,
        help_text="Whoever is not Subscribed on it is skipped, and counted.",
    )
    event_type = forms.ChoiceField(
        choices=[
            (TRACK, "Track: somebody did something, or entered an audience"),
            (IDENTIFY, "Identify: somebody's traits are told"),
        ],
        label="Event type",
    )
    event_name = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Event name",
        help_text="Such as Audience Entered. Empty: any event.",
    )
    audience_key = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Audience key",
        help_text="Only calls whose property audience_key is this. Empty: any.",
    )
    computation_key = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Computation key",
        help_text="Only calls whose context.personas.computation_key is this. Empty: any.",
    )
    email_path = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Email path",
        help_text=(
            "Where the email address stands in a call. Empty: context.traits.email, then "
            "traits.email, then properties.email."
        ),
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, rows_url: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["list"].queryset = List.objects.order_by("name", "pk")  # type: ignore[attr-defined]
        for name in ("list", "event_type"):
            # What may be written, and how, goes by both.
            self.fields[name].widget.attrs |= {
                "hx-post": rows_url,
                "hx-trigger": "change",
                "hx-target": "#mapping-values",
                "hx-swap": "outerHTML",
            }

    def given(self, values: Mapping[str, str]) -> NewMapping:
        """Return what the mapping says; what a call of its type has not is no condition."""
        said = dict(self.cleaned_data)
        if said["event_type"] == IDENTIFY:
            said["event_name"] = said["audience_key"] = ""
        return NewMapping(**said, values=values)


class ValueForm(forms.Form):
    """A row: a profile field, and what is written into it."""

    field = forms.ChoiceField(required=False, label="Profile field")
    how = forms.ChoiceField(required=False, label="Value")
    text = forms.CharField(required=False, max_length=LONGEST, label="Text", widget=forms.TextInput)

    def __init__(
        self,
        *args: Any,
        fields: list[Any],
        event_type: str,
        in_list: List | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.in_list, self.event_type = in_list, event_type
        self.fields["field"].choices = [("", "Choose a profile field"), *fields]  # type: ignore[attr-defined]
        self.fields["how"].choices = [(how.value, how.label) for how in HOWS[event_type]]  # type: ignore[attr-defined]
        is_identify = event_type == IDENTIFY
        self.fields["text"].widget.attrs["placeholder"] = (
            "trait_name, or on / off" if is_identify else "What is written, such as on"
        )
        self.shown_by = f"{self.add_prefix('how')}={How.LITERAL.value}|{How.TRAIT.value}"

    @property
    def is_blank(self) -> bool:
        """Whether nothing was chosen or typed here."""
        said = getattr(self, "cleaned_data", {})
        return not (said.get("field") or said.get("text", "").strip())

    def clean(self) -> dict[str, Any]:
        """Refuse, beside its part, a row that says half of what it means or cannot be written."""
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or self.is_blank:
            return said
        if not said["field"]:
            self.add_error("field", "Choose the profile field that it is written to.")
            return said
        wrong = self._wrong(said["how"], said["text"].strip())
        if wrong:
            self.add_error("text", wrong)
            return said
        if self.in_list is not None:
            try:
                check_values(self.in_list, self.event_type, dict([self.value]))
            except InvalidValueError as refused:
                self.add_error("field" if said["how"] == How.AUDIENCE else "text", refused.message)
        return said

    def _wrong(self, how: str, text: str) -> str:
        """Return what cannot be of a text; "" for nothing."""
        if how == How.AUDIENCE:
            return ""
        if not text:
            return "Name the trait." if how == How.TRAIT else "Say what is written."
        is_switch = text.lower() in SWITCHES
        if how == How.TRAIT and is_switch:
            return "on and off are fixed values: a trait has another name."
        if how == How.LITERAL and self.event_type == IDENTIFY and not is_switch:
            return "An identify call writes on or off, or what a trait holds: choose A trait."
        return ""

    @property
    def value(self) -> tuple[str, str]:
        """The row as a mapping has it: the field's id, and its text."""
        said = self.cleaned_data
        text = USE_AUDIENCE_KEY if said["how"] == How.AUDIENCE else said["text"].strip()
        return said["field"], text


class BaseValues(forms.BaseFormSet):  # type: ignore[type-arg]
    """The rows of a mapping."""

    @property
    def has_fields(self) -> bool:
        """Whether the list has profile fields to choose from."""
        return bool(self.form_kwargs["fields"])

    def clean(self) -> None:
        """Refuse none at all, and a field that stands there twice."""
        if any(self.errors):
            return
        filled = [row for row in self.forms if not row.is_blank]
        if not filled:
            raise forms.ValidationError("A mapping writes at least one profile field.")
        seen: set[str] = set()
        for row in filled:
            field, _ = row.value
            if field in seen:
                row.add_error("field", "This field stands there twice.")
            seen.add(field)
        if any(self.errors):
            raise forms.ValidationError("A profile field is written once.")

    @property
    def given(self) -> dict[str, str]:
        """What the mapping writes: text by the field's id."""
        return dict(row.value for row in self.forms if not row.is_blank)


def value_rows(
    *,
    in_list: List | None,
    event_type: str,
    data: QueryDict | None = None,
    rows: Iterable[Mapping[str, str]] = (),
    blank: int = 1,
) -> BaseValues:
    """
    Return the rows of a mapping of a list and an event type.

    They hold what was sent (`data`), or `rows`, and after them so many blank ones.
    """
    kind = event_type if event_type in HOWS else TRACK
    made: type[Any] = forms.formset_factory(
        ValueForm,
        formset=BaseValues,
        extra=blank,
        max_num=MOST_VALUES,
        validate_max=True,
        absolute_max=MOST_VALUES + 1,
    )
    settings = {"fields": grouped_fields(in_list), "event_type": kind, "in_list": in_list}
    sent = {"initial": [*rows]} if data is None else {"data": data}
    values: BaseValues = made(**sent, prefix=VALUES, form_kwargs=settings)
    return values


def grouped_fields(in_list: List | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the profile fields of a list as a choice, under their groups' names."""
    groups: dict[str, list[tuple[str, str]]] = {}
    rows = ProfileField.objects.filter(list=in_list).select_related("group")
    for one in rows.order_by("group__name", "position", "name"):
        label = f"{one.group.name}.{one.name} ({one.get_data_type_display()})"
        groups.setdefault(one.group.name, []).append((str(one.pk), label))
    return [*groups.items()]


def sent_rows(data: QueryDict) -> list[dict[str, str]]:
    """Return the rows that a form brought, as they are, those without a word left out."""
    count = data.get(f"{VALUES}-TOTAL_FORMS", "")
    places = range(min(int(count), MOST_VALUES) if count.isascii() and count.isdecimal() else 0)
    dropped = data.get("drop", "")
    found = [
        {name: data.get(f"{VALUES}-{place}-{name}", "") for name in ("field", "how", "text")}
        for place in places
        if str(place) != dropped
    ]
    return [row for row in found if row["field"] or row["text"].strip()]


def mapping_initial(mapping: SegmentMapping) -> dict[str, Any]:
    """Return what the form of a mapping shows first."""
    names = ("name", "event_type", "event_name", "audience_key", "computation_key", "email_path")
    return {**{name: getattr(mapping, name) for name in names}, "list": mapping.list_id}


def mapping_rows(mapping: SegmentMapping) -> list[dict[str, str]]:
    """Return the rows of a mapping."""
    return [
        {"field": field, "how": how.value, "text": "" if how == How.AUDIENCE else text}
        for field, text in mapping.values.items()
        for how in [how_of(mapping.event_type, text)]
    ]


def how_of(event_type: str, value: str) -> How:
    """Return where a value that a mapping holds comes from."""
    if event_type == TRACK and value == USE_AUDIENCE_KEY:
        return How.AUDIENCE
    return How.TRAIT if is_trait(event_type, value) else How.LITERAL


def written_values(mapping: SegmentMapping, names: Mapping[int, str]) -> list[tuple[str, str, str]]:
    """
    Return what a mapping writes: the field's name, where the value comes from, its text.

    A field that is gone is named by its id.
    """
    return [
        (names.get(int(key), key), how.label, "" if how == How.AUDIENCE else value)
        for key, value in mapping.values.items()
        for how in [how_of(mapping.event_type, value)]
    ]


def field_names(mappings: "list[SegmentMapping]") -> dict[int, str]:
    """Return `Group.Field` of the fields that mappings write, by id."""
    wanted = {int(key) for mapping in mappings for key in mapping.values}
    rows = ProfileField.objects.filter(pk__in=wanted).select_related("group")
    return {one.pk: f"{one.group.name}.{one.name}" for one in rows}
