"""Forms of providers: what each wants to know, its limits, and whom a test goes to."""

from typing import Any

from django import forms

from messaging.actions.providers import MOST_CONNECTIONS, MOST_RATE
from messaging.models import Provider
from messaging.providers import Carrier, Field

LIMITS = ("rate_per_second", "concurrency", "is_default")
KEPT = "Kept encrypted."
STORED = f"{KEPT} Empty: the one that is stored."


class ProviderForm(forms.Form):
    """What a provider wants to know; secrets are never shown."""

    def __init__(
        self,
        *args: Any,
        carrier: type[Carrier],
        stored: frozenset[str] = frozenset(),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.carrier = carrier
        for field in carrier.fields:
            self.fields[field.name] = as_form_field(field, is_stored=field.name in stored)
        self.fields["rate_per_second"] = forms.FloatField(
            required=False,
            min_value=0.01,
            max_value=MOST_RATE,
            label="Messages a second",
            help_text="At most, over all senders. Empty: as fast as it goes.",
        )
        self.fields["concurrency"] = forms.IntegerField(
            required=False,
            min_value=1,
            max_value=MOST_CONNECTIONS,
            label="Connections",
            help_text=f"At once, over all senders. Empty: {carrier.connections}.",
        )
        self.fields["is_default"] = forms.BooleanField(
            required=False,
            label="Default sender",
            help_text="The next messages go this way.",
        )

    def settings(self) -> dict[str, Any]:
        """Return what is no secret."""
        return {
            field.name: self.cleaned_data[field.name]
            for field in self.carrier.fields
            if not field.secret
        }

    def secrets(self) -> dict[str, str]:
        """Return the secrets that were typed."""
        return {
            field.name: self.cleaned_data[field.name]
            for field in self.carrier.fields
            if field.secret
        }

    def limits(self) -> dict[str, Any]:
        """Return rate, connections and whether it is to be the default."""
        return {name: self.cleaned_data[name] for name in LIMITS}


def as_form_field(field: Field, *, is_stored: bool) -> forms.Field:
    """Return the form's field of one thing that a provider wants to know."""
    help_text = field.help
    if is_stored and field.secret:
        help_text = f"{field.help.removesuffix(KEPT)} {STORED}".strip()
    required = field.required and not is_stored
    common: dict[str, Any] = {"label": field.label, "required": required, "help_text": help_text}
    if field.choices:
        return forms.ChoiceField(choices=field.choices, **common)
    if field.is_number:
        return forms.IntegerField(min_value=1, max_value=65535, **common)
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    if field.secret and not field.is_long:
        attrs["autocomplete"] = "new-password"
        return forms.CharField(
            max_length=500, strip=False, widget=forms.PasswordInput(attrs=attrs), **common
        )
    if field.is_long:
        area = forms.Textarea(attrs={**attrs, "rows": "4", "class": "code"})
        return forms.CharField(max_length=10_000, strip=False, widget=area, **common)
    return forms.CharField(max_length=1000, widget=forms.TextInput(attrs=attrs), **common)


def provider_initial(provider: Provider | None, carrier: type[Carrier]) -> dict[str, Any]:
    """Return what the form shows first; never a secret."""
    first = {field.name: field.initial for field in carrier.fields if not field.secret}
    if provider is None:
        return {**first, "is_default": True}
    limits = {name: getattr(provider, name) for name in LIMITS}
    return {**first, **provider.settings, **limits}


class NumberForm(forms.Form):
    """The number that a test text goes to, and the short code that it comes from."""

    number = forms.CharField(max_length=32, label="Your number")
