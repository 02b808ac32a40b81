"""Forms of segments: a name with a rule or none, and addresses to put in or take out."""

import json
import re

from django import forms

from accounts.models import List
from conductor.conversations.forms.catalog import rule_catalog
from conductor.conversations.forms.step import RuleField, rule_text
from contacts.models import Segment


class SegmentForm(forms.Form):
    """A segment of kind rule."""

    name = forms.CharField(
        max_length=120,
        label="Segment name",
        widget=forms.TextInput(attrs={"autofocus": True, "placeholder": "VIPs"}),
    )
    rule = RuleField(
        label="Who is in it", error_messages={"required": "Add at least one condition."}
    )

    @classmethod
    def of(cls, segment: Segment) -> "SegmentForm":
        """Return the form filled in with a segment."""
        return cls(initial={"name": segment.name, "rule": rule_text(segment.rule)})


class ManualSegmentForm(forms.Form):
    """A segment that is kept by hand."""

    name = forms.CharField(
        max_length=120,
        label="Segment name",
        widget=forms.TextInput(attrs={"placeholder": "Picked for the catalogue"}),
    )


class AddressesForm(forms.Form):
    """Email addresses, one a line or between commas."""

    addresses = forms.CharField(
        label="Email addresses",
        help_text="One a line, or between commas: up to 10,000 at a time.",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )

    def clean_addresses(self) -> list[str]:
        """Return the addresses, as they were typed."""
        return [part for part in re.split(r"[\s,;]+", self.cleaned_data["addresses"]) if part]


def catalog_of(in_list: List) -> str:
    """Return what the rule editor offers in a segment: nobody is in a conversation there."""
    return json.dumps(rule_catalog(in_list, threads=None))
