"""Forms for integrations, and what forms of all apps share."""

from ipaddress import ip_network
from typing import Any, Protocol

from django import forms

from accounts.actions import MOST_DAYS
from accounts.models import AccessLevel, ApiClient, IntegrationType


class Refused(Protocol):
    """A named refusal of an action: which field, and why."""

    field: str
    message: str


def show_refusal(
    form: forms.BaseForm, refused: Refused, fields: dict[str, str] | None = None
) -> None:
    """
    Put an action's refusal beside its field, or above the form where it has none.

    `fields` maps the action's names to the form's where they differ.
    """
    name = (fields or {}).get(refused.field, refused.field)
    form.add_error(name if name in form.fields else None, refused.message)


class AccountForm(forms.Form):
    """What is the account's own."""

    postal_address = forms.CharField(
        required=False,
        max_length=500,
        label="Postal address",
        help_text=(
            "Every email that is no transaction carries it; the law of the United States "
            "(CAN-SPAM) and of Canada (CASL) asks for it. Without one no such email is published."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
    )
    click_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_DAYS,
        label="Days after a click",
        help_text=(
            "An order counts for the message that its contact last clicked in, "
            "within so many days before it. 0: clicks do not count."
        ),
    )
    open_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_DAYS,
        label="Days after an open",
        help_text=(
            "Without such a click, for the message that its contact last opened, "
            "within so many days before it. 0: opens do not count."
        ),
    )


class IntegrationForm(forms.Form):
    """Name, types, access levels and allowed addresses of an integration."""

    name = forms.CharField(
        max_length=120, help_text="Who uses it: the shop, the warehouse, a partner."
    )
    types = forms.MultipleChoiceField(
        choices=IntegrationType.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Types",
        help_text="Which APIs it may speak.",
        error_messages={"required": "Choose at least one type."},
    )
    levels = forms.MultipleChoiceField(
        choices=AccessLevel.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Access levels",
        help_text="What it may read and write.",
        error_messages={"required": "Choose at least one access level."},
    )
    ip_allow = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "203.0.113.7\n198.51.100.0/24"}),
        required=False,
        label="Allowed addresses",
        help_text="One IP address or network a line. Empty: from everywhere.",
    )

    def clean_ip_allow(self) -> list[str]:
        """Return the addresses and networks, each checked."""
        lines = [line.strip() for line in self.cleaned_data["ip_allow"].splitlines()]
        for line in filter(None, lines):
            try:
                ip_network(line, strict=False)
            except ValueError as wrong:
                raise forms.ValidationError(f"{line} is no IP address or network.") from wrong
        return [line for line in lines if line]


def hidden_value() -> forms.CharField:
    """Return the field of a secret's value, which no answer shows again."""
    return forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        label="Value",
        help_text="It is encrypted, and never shown again.",
    )


class SecretForm(forms.Form):
    """A new secret."""

    name = forms.CharField(
        max_length=60,
        help_text="Letters, digits and underscores: steps write {{ secrets.NAME }}.",
        widget=forms.TextInput(attrs={"class": "input code", "autocomplete": "off"}),
    )
    value = hidden_value()


class SecretValueForm(forms.Form):
    """Another value of a secret."""

    value = hidden_value()


def integration_initial(client: ApiClient | None) -> dict[str, Any]:
    """Return what the form shows first: all access levels for a new integration."""
    if client is None:
        return {"types": [IntegrationType.EMAIL.value], "levels": AccessLevel.values}
    return {
        "name": client.name,
        "types": client.types,
        "levels": client.levels,
        "ip_allow": "\n".join(client.ip_allow),
    }
