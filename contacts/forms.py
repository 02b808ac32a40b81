"""Forms for lists, contacts, profile fields and external events."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms

from accounts.actions import InvalidValueError
from accounts.models import BounceHandling, List
from contacts.durations import is_zone
from contacts.models import Contact, DataType, ExternalEvent, ProfileField, Subscription
from contacts.values import clean_value

FIELD_PREFIX = "field-"
PERSON = ("first_name", "last_name", "external_id", "birthday", "postal_code", "time_zone")


class ListForm(forms.Form):
    """A list's name, sender and bounce handling."""

    name = forms.CharField(max_length=120, label="List name")
    public_name = forms.CharField(
        max_length=120,
        required=False,
        label="Public name",
        help_text=(
            "What recipients read on the pages where they leave or choose lists. Empty: the from "
            "name, or the list's name where there is none."
        ),
    )
    from_name = forms.CharField(
        max_length=120, required=False, help_text="Who the mail is from, unless a message says so."
    )
    from_email = forms.EmailField(required=False, label="From email")
    reply_to = forms.EmailField(
        required=False, label="Reply to", help_text="Where answers go, unless a message says so."
    )
    bounce_handling = forms.ChoiceField(
        choices=BounceHandling.choices,
        help_text=(
            "Standard: whose mail bounces leaves this list. Aggressive: the account writes "
            "there no more. None: bounces are only noted."
        ),
    )
    bounce_unsubscribe_count = forms.IntegerField(
        min_value=0,
        max_value=100,
        required=False,
        label="Soft bounces in a row",
        help_text="So many count as a hard one; an open or click begins anew. 0: never.",
    )
    enable_list_removal_header = forms.BooleanField(
        required=False,
        label="List-Unsubscribe header",
        help_text="Mail programs show their own Unsubscribe button. Gmail and Yahoo ask for it.",
    )
    enable_browser_link = forms.BooleanField(
        required=False, label="View in browser", help_text="Add a link above messages without one."
    )
    track_opens = forms.BooleanField(required=False, label="Record opens")
    track_clicks = forms.BooleanField(required=False, label="Record clicks")
    link_domain_alias = forms.RegexField(
        r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$",
        max_length=253,
        required=False,
        label="Link domain",
        help_text="Such as links.acme.com, pointed at this site; empty: this site itself.",
        error_messages={"invalid": "A domain looks like links.acme.com."},
    )
    enable_google_analytics = forms.BooleanField(
        required=False, label="Google Analytics", help_text="Add utm parameters to links."
    )
    google_tracking_domains = forms.CharField(
        required=False,
        max_length=4000,
        label="Domains with Google Analytics",
        help_text="One a line: only links to these, and below them, get the parameters.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_bounce_unsubscribe_count(self) -> int:
        """Take the usual number where none is given."""
        given = self.cleaned_data["bounce_unsubscribe_count"]
        return BOUNCES if given is None else int(given)

    def clean_google_tracking_domains(self) -> list[str]:
        """Return the domains, each once."""
        written = self.cleaned_data["google_tracking_domains"].lower().split()
        domains = [
            one.removeprefix("https://").removeprefix("http://").rstrip("/") for one in written
        ]
        for domain in domains:
            if len(domain) > 253 or not DOMAIN.fullmatch(domain):
                raise forms.ValidationError(f"{domain} is no domain such as acme.com.")
        return list(dict.fromkeys(domains))


BOUNCES = 5
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def list_initial(in_list: List | None) -> dict[str, Any]:
    """Return what the form shows first."""
    shown = in_list or List()
    first = {name: getattr(shown, name) for name in ListForm.base_fields}
    return {**first, "google_tracking_domains": "\n".join(shown.google_tracking_domains)}


class ContactForm(forms.Form):
    """Who a contact is, and the list's profile fields (`field-<id>`)."""

    email = forms.EmailField(label="Email", max_length=254)
    first_name = forms.CharField(max_length=100, required=False)
    last_name = forms.CharField(max_length=100, required=False)
    phone = forms.CharField(
        max_length=32,
        required=False,
        label="Phone",
        widget=forms.TextInput(attrs={"type": "tel", "placeholder": "+1 202 555 0143"}),
        help_text="With its country code. A number alone is no consent to text it.",
    )
    external_id = forms.CharField(max_length=100, required=False, label="External ID")
    birthday = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    postal_code = forms.CharField(max_length=20, required=False)
    time_zone = forms.CharField(
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "America/New_York"}),
        help_text="Such as America/New_York; empty: the account's zone.",
    )

    def __init__(self, *args: Any, profile_fields: Iterable[ProfileField], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profile_fields = list(profile_fields)
        for field in self.profile_fields:
            self.fields[f"{FIELD_PREFIX}{field.pk}"] = value_field(field)

    def clean_time_zone(self) -> str:
        """Refuse what is no IANA zone."""
        zone: str = self.cleaned_data["time_zone"].strip()
        if zone and not is_zone(zone):
            raise forms.ValidationError(f"{zone} is not an IANA time zone such as Europe/Paris.")
        return zone

    def clean(self) -> dict[str, Any]:
        """Type the profile's values as they are stored; a wrong one is said at its field."""
        for field in self.profile_fields:
            name = f"{FIELD_PREFIX}{field.pk}"
            try:
                clean_value(field, as_stored(self.cleaned_data.get(name)))
            except InvalidValueError as refused:
                self.add_error(name, refused.message)
        return self.cleaned_data

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the profile fields' rows under their groups' names."""
        found: dict[str, list[forms.BoundField]] = {}
        for field in self.profile_fields:
            found.setdefault(field.group.name, []).append(self[f"{FIELD_PREFIX}{field.pk}"])
        return list(found.items())

    def person(self) -> dict[str, Any]:
        """Return the values that belong to the person, by model field."""
        return {name: self.cleaned_data[name] for name in ("phone", *PERSON)}

    def profile(self) -> dict[int, Any]:
        """Return the profile's values by field id; empty is ""."""
        return {
            field.pk: as_stored(self.cleaned_data[f"{FIELD_PREFIX}{field.pk}"])
            for field in self.profile_fields
        }


def value_field(field: ProfileField) -> forms.Field:
    """Return the form field of one profile field."""
    label = field.name
    match field.data_type:
        case DataType.NUMERIC:
            return forms.FloatField(required=False, label=label)
        case DataType.CHECK_BOX:
            return forms.ChoiceField(
                choices=[("", "Not set"), ("on", "On"), ("off", "Off")], required=False, label=label
            )
        case DataType.DATE:
            return forms.DateField(
                required=False, label=label, widget=forms.DateInput(attrs={"type": "date"})
            )
        case DataType.COMMENT_AREA | DataType.CONTENT_BLOCK:
            return forms.CharField(
                required=False, label=label, widget=forms.Textarea(attrs={"rows": 3})
            )
        case _:
            return forms.CharField(required=False, label=label, max_length=field.max_length or None)


def as_stored(value: Any) -> Any:
    """Return a cleaned value as the profile keeps it: dates as ISO text, nothing as ""."""
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else value


def contact_initial(contact: Contact, subscription: Subscription | None) -> dict[str, Any]:
    """Return what the form shows of a contact."""
    shown: dict[str, Any] = {
        "email": contact.email,
        "phone": contact.phone_e164,
        **{name: getattr(contact, name) for name in PERSON},
    }
    for field_id, value in (subscription.profile if subscription else {}).items():
        shown[f"{FIELD_PREFIX}{field_id}"] = value
    return shown


class FieldGroupForm(forms.Form):
    """The name of a group of profile fields."""

    name = forms.CharField(
        max_length=100, label="Name", widget=forms.TextInput(attrs={"autofocus": True})
    )


class FieldForm(forms.Form):
    """A profile field: its name, what it holds, how long a text may be."""

    name = forms.CharField(
        max_length=100, label="Field Name", widget=forms.TextInput(attrs={"autofocus": True})
    )
    data_type = forms.ChoiceField(choices=DataType.choices, label="Data Type")
    max_length = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=100_000,
        label="Max Length",
        help_text="Of text; empty for no limit.",
    )


class ExternalEventForm(forms.Form):
    """The name of an external event."""

    name = forms.CharField(
        max_length=100,
        label="Event name",
        widget=forms.TextInput(attrs={"autofocus": True, "placeholder": "Order Imported"}),
    )


class RaiseEventForm(forms.Form):
    """An event for one contact: which, when, with which properties."""

    event = forms.ModelChoiceField(
        queryset=ExternalEvent.objects.none(), label="External event", empty_label=None
    )
    occurred_at = forms.DateTimeField(
        required=False,
        label="When",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="In the account's time; empty: now.",
    )
    properties = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "order_number: 1001"}),
        help_text="One a line, name: value. Messages read them as {{ event.name }}.",
    )

    def __init__(self, *args: Any, in_list: List, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        events = ExternalEvent.objects.filter(list=in_list, status="Active").order_by("name")
        self.fields["event"].queryset = events  # type: ignore[attr-defined]

    def clean_properties(self) -> dict[str, str]:
        """Return the lines as a dictionary."""
        properties = {}
        for line in filter(str.strip, self.cleaned_data["properties"].splitlines()):
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise forms.ValidationError(f"Write “name: value”, not “{line.strip()[:60]}”.")
            properties[name.strip()] = value.strip()
        return properties
