"""Forms of the webhooks page."""

from typing import Any

from django import forms

from accounts.models import List
from conductor.webhooks.actions import LARGEST_BATCH, LONGEST_NAME, LONGEST_URL
from conductor.webhooks.models import Endpoint, Format, Kind


class EndpointForm(forms.Form):
    """An endpoint: where it is, what it hears of, and how."""

    name = forms.CharField(max_length=LONGEST_NAME, help_text="Whose system it is.")
    url = forms.CharField(
        max_length=LONGEST_URL,
        label="Address",
        help_text="It gets a POST with JSON, and answers 2xx within 10 seconds.",
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example/conductor"}),
    )
    kinds = forms.MultipleChoiceField(
        choices=Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Hears of",
        error_messages={"required": "Choose at least one."},
    )
    lists = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Lists",
        help_text="With the phone lists of their short codes. None chosen: all lists.",
    )
    format = forms.ChoiceField(
        choices=Format.choices,
        help_text="Segment: identify and track calls, as its HTTP API takes them.",
    )
    batch_size = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_BATCH,
        label="Events in a call",
        help_text="At most. 1: each by itself.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = List.objects.order_by("name", "pk").values_list("pk", "name")
        self.fields["lists"].choices = [(str(pk), name) for pk, name in lists]  # type: ignore[attr-defined]

    def clean_lists(self) -> list[int]:
        """Return the lists' ids."""
        return [int(pk) for pk in self.cleaned_data["lists"]]


class ReplayForm(forms.Form):
    """From where to tell it again."""

    cursor = forms.RegexField(
        r"^[0-9]{0,18}$",
        required=False,
        label="Behind the cursor",
        help_text="The cursor of the last event that arrived; empty: everything of the last 30 days.",
        error_messages={"invalid": "A cursor is a number."},
    )


def endpoint_initial(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if endpoint is None:
        return {"kinds": Kind.values, "format": Format.CONDUCTOR, "batch_size": 100}
    names = ("name", "url", "kinds", "format", "batch_size")
    shown = {name: getattr(endpoint, name) for name in names}
    return {**shown, "lists": [str(pk) for pk in endpoint.lists]}
