"""Forms for messages, short codes, phone lists and consents."""

from collections.abc import Iterable
from typing import Any

from django import forms

from contacts.models import ProfileField
from messaging.models import PhoneList, SavedMessage, ShortCode, SmsMessage
from messaging.models.sms import MessageType, TimeFrame

USUAL_AGE = 18
CODE = {"class": "code", "spellcheck": "false", "rows": 18}


class SavedMessageForm(forms.Form):
    """An email: subject line, sender, content."""

    name = forms.CharField(max_length=120, help_text="What you call it; nobody else sees it.")
    subject = forms.CharField(max_length=250)
    preheader = forms.CharField(
        max_length=250, required=False, help_text="Shown after the subject in the inbox."
    )
    from_name = forms.CharField(max_length=120, required=False, label="From name")
    from_email = forms.EmailField(
        required=False, label="From email", help_text="Empty: the list's sender."
    )
    reply_to = forms.EmailField(required=False, label="Reply to")
    kind = forms.ChoiceField(
        choices=[("html", "HTML"), ("mjml", "MJML")], widget=forms.RadioSelect, label="Written in"
    )
    html = forms.CharField(
        required=False, label="HTML", widget=forms.Textarea(attrs=CODE), strip=False
    )
    mjml = forms.CharField(
        required=False,
        label="MJML",
        widget=forms.Textarea(attrs=CODE),
        strip=False,
        help_text="Compiled to HTML when you save.",
    )
    text = forms.CharField(
        required=False,
        label="Text part",
        widget=forms.Textarea(attrs={"rows": 6}),
        strip=False,
        help_text="For readers whose mail program shows no HTML.",
    )

    def clean(self) -> dict[str, Any]:
        """Keep the content of the kind that was chosen."""
        if self.cleaned_data.get("kind") == "mjml":
            if not self.cleaned_data.get("mjml", "").strip():
                self.add_error("mjml", "Write the message, or choose HTML.")
        else:
            self.cleaned_data["mjml"] = ""
            if not (self.cleaned_data.get("html") or self.cleaned_data.get("text")):
                self.add_error("html", "Write the message: HTML, text or both.")
        return self.cleaned_data

    def content(self) -> dict[str, str]:
        """Return the parts of the message as `save_message` takes them."""
        parts = {
            key: value for key, value in self.cleaned_data.items() if key not in {"name", "kind"}
        }
        if parts["mjml"]:
            parts.pop("html")
        return parts


def message_initial(message: SavedMessage | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if message is None:
        return {"kind": "html"}
    shown = {
        name: getattr(message, name) for name in SavedMessageForm.base_fields if name != "kind"
    }
    if message.mjml:
        shown["html"] = ""
    return {**shown, "kind": "mjml" if message.mjml else "html"}


# The ids of a test's fields: its dialog stands beside the message's own form.
TEST_ID = "test-%s"


class TestForm(forms.Form):
    """Whom a test goes to, and whose values fill it in."""

    address = forms.CharField(
        max_length=254, label="To", error_messages={"required": "Say whom the test goes to."}
    )
    contact = forms.CharField(max_length=20, required=False)


class NumberTestForm(TestForm):
    """The same for a text: numbers that agreed are offered."""

    address = forms.CharField(
        max_length=40,
        label="To",
        widget=forms.TextInput({"list": "agreed-numbers", "inputmode": "tel"}),
        error_messages={"required": "Say which number the test goes to."},
    )


class ShortCodeForm(forms.Form):
    """A sender code."""

    code = forms.CharField(max_length=20, label="Short code", help_text="The number itself.")
    country = forms.CharField(
        max_length=2,
        initial="US",
        help_text="Two letters. Local numbers are read as this country's.",
    )
    merchant_name = forms.CharField(max_length=120, required=False, label="Merchant name")
    message_types = forms.MultipleChoiceField(
        choices=MessageType.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Provisioned for",
        error_messages={"required": "Choose at least one."},
    )
    phone_field = forms.ChoiceField(
        required=False,
        label="Mobile number field",
        help_text="Which profile field holds the mobile number.",
    )

    def __init__(self, *args: Any, phone_fields: Iterable[ProfileField], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phone_fields = {str(field.pk): field for field in phone_fields}
        choice = self.fields["phone_field"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared above
        choice.choices = [
            ("", "The contact's phone"),
            *(
                (key, f"{field.group.name}.{field.name}")
                for key, field in self.phone_fields.items()
            ),
        ]

    def values(self) -> dict[str, Any]:
        """Return what the action takes."""
        chosen = self.cleaned_data["phone_field"]
        return {**self.cleaned_data, "phone_field": self.phone_fields.get(chosen)}


def short_code_initial(short_code: ShortCode | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if short_code is None:
        return {"country": "US", "message_types": MessageType.values}
    return {
        "code": short_code.code,
        "country": short_code.country,
        "merchant_name": short_code.merchant_name,
        "message_types": short_code.message_types,
        "phone_field": str(short_code.phone_field_id or ""),
    }


class PhoneListForm(forms.Form):
    """A phone list of a short code."""

    name = forms.CharField(max_length=120, label="List name")
    kind = forms.ChoiceField(
        choices=MessageType.choices,
        widget=forms.RadioSelect,
        label="Type",
        help_text="Transactional: about an order. Marketing: offers, to those who asked for them.",
    )
    is_active = forms.BooleanField(
        required=False, label="Active", help_text="Nothing is sent to a list that is not."
    )
    require_double_opt_in = forms.BooleanField(
        required=False, label="Double opt-in", help_text="A number is pending until it says yes."
    )
    require_age_gate = forms.BooleanField(
        required=False, label="Age gate", help_text="A number is pending until its age is known."
    )
    minimum_age = forms.IntegerField(
        min_value=13, max_value=99, initial=18, required=False, label="Minimum age"
    )

    message_limit = forms.IntegerField(
        min_value=0,
        max_value=1000,
        initial=0,
        required=False,
        label="Most texts to one number",
        help_text="As many as you promised where people sign up. 0: no limit but the account's.",
    )
    message_limit_time_frame = forms.ChoiceField(
        choices=TimeFrame.choices, initial=TimeFrame.MONTH, required=False, label="In"
    )

    def clean_message_limit(self) -> int:
        """Return the limit; none where none is given."""
        return int(self.cleaned_data["message_limit"] or 0)

    def clean_message_limit_time_frame(self) -> str:
        """Return the time frame; "" without a limit, a month where none is given."""
        if not self.cleaned_data.get("message_limit"):
            return ""
        return str(self.cleaned_data["message_limit_time_frame"] or TimeFrame.MONTH.value)

    def clean_minimum_age(self) -> int:
        """Return the age; the usual one where none is given."""
        return int(self.cleaned_data["minimum_age"] or USUAL_AGE)


def phone_list_initial(phone_list: PhoneList | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if phone_list is None:
        return {"kind": MessageType.TRANSACTIONAL.value, "is_active": True}
    shown = {name: getattr(phone_list, name) for name in PhoneListForm.base_fields}
    frame = phone_list.message_limit_time_frame or TimeFrame.MONTH.value
    return {**shown, "message_limit_time_frame": frame}


class SubscribePhoneForm(forms.Form):
    """A number, and the evidence that it agreed."""

    phone = forms.CharField(
        max_length=32,
        label="Mobile number",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    consent_source = forms.CharField(
        max_length=120,
        label="Where the consent was given",
        help_text="Checkout page, paper form, call ...",
    )
    consent_text = forms.CharField(
        max_length=2000,
        label="Wording agreed to",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    consent_at = forms.DateTimeField(
        required=False,
        label="When",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Empty: now.",
    )


class SmsMessageForm(forms.Form):
    """A text message."""

    name = forms.CharField(max_length=120)
    text = forms.CharField(
        max_length=1600,
        label="Mobile Message Text",
        widget=forms.Textarea(attrs={"rows": 5}),
        strip=False,
    )
    media_url = forms.URLField(
        required=False,
        max_length=500,
        label="Picture",
        assume_scheme="https",
        help_text="The https:// address of a picture.",
    )


def sms_message_initial(message: SmsMessage | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if message is None:
        return {}
    return {"name": message.name, "text": message.text, "media_url": message.media_url}
