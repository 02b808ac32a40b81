"""The form of a mapping of Segment's calls."""

from collections.abc import Mapping
from typing import Any

from django import forms

from accounts.models import List
from contacts.actions.segment_mappings import LONGEST, NewMapping
from contacts.models import ProfileField, SegmentEventType, SegmentMapping

VALUES_HELP = (
    "One profile field a line: Group.Field = value. In a track mapping useAudienceKey writes on or "
    "off as the call says, any other text is written as it is. In an identify mapping the text "
    "names a trait; on and off are written as they are."
)


class MappingForm(forms.Form):
    """What a mapping says; values are lines of text."""

    name = forms.CharField(max_length=100, label="Mapping name")
    event_type = forms.ChoiceField(choices=SegmentEventType.choices, label="Event type")
    event_name = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Event name",
        help_text="Only track calls of this event, such as Audience Entered.",
    )
    audience_key = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Audience key",
        help_text="Only track calls whose property audience_key is this.",
    )
    computation_key = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Computation key",
        help_text="Only calls whose context.personas.computation_key is this.",
    )
    list = forms.ModelChoiceField(queryset=List.objects.none(), label="List", empty_label=None)
    email_path = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Email path",
        help_text=(
            "Where the address stands in a call. Empty: context.traits.email, then traits.email, "
            "then properties.email."
        ),
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off"}),
    )
    values = forms.CharField(
        label="Profile field values",
        help_text=VALUES_HELP,
        widget=forms.Textarea(
            attrs={"rows": 4, "class": "input code", "placeholder": "Engage.VIP = useAudienceKey"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["list"].queryset = List.objects.order_by("name", "pk")  # type: ignore[attr-defined]

    def clean_values(self) -> dict[str, str]:
        """Return the lines, text by field."""
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["values"].splitlines())):
            name, equals, value = line.partition("=")
            if not equals or not name.strip() or not value.strip():
                raise forms.ValidationError(f"{line[:80]}: a line is Group.Field = value.")
            if name.strip() in found:
                raise forms.ValidationError(f"{name.strip()[:80]} stands there twice.")
            found[name.strip()] = value.strip()
        return found

    @property
    def given(self) -> NewMapping:
        """What the mapping says."""
        return NewMapping(**self.cleaned_data)


def mapping_initial(mapping: SegmentMapping) -> dict[str, Any]:
    """Return what the form of a mapping shows first."""
    return {
        "name": mapping.name,
        "event_type": mapping.event_type,
        "event_name": mapping.event_name,
        "audience_key": mapping.audience_key,
        "computation_key": mapping.computation_key,
        "list": mapping.list_id,
        "email_path": mapping.email_path,
        "values": "\n".join(f"{name} = {value}" for name, value in written_values(mapping)),
    }


def written_values(
    mapping: SegmentMapping, names: Mapping[int, str] | None = None
) -> list[tuple[str, str]]:
    """Return what a mapping writes, by the fields' names; a field that is gone by its id."""
    known = field_names([mapping]) if names is None else names
    return [(known.get(int(key), key), value) for key, value in mapping.values.items()]


def field_names(mappings: "list[SegmentMapping]") -> dict[int, str]:
    """Return `Group.Field` of the fields that mappings write, by id."""
    wanted = {int(key) for mapping in mappings for key in mapping.values}
    rows = ProfileField.objects.filter(pk__in=wanted).select_related("group")
    return {one.pk: f"{one.group.name}.{one.name}" for one in rows}
