"""The panels of the steps that send: email and text messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from conductor.conversations.forms.step import LinkedSelect, StepForm
from messaging.models import PhoneList, SavedMessage, ShortCode, SmsMessage
from messaging.models.sms import MessageType

OVERRIDES = ("subject", "preheader", "from_name", "from_email", "reply_to")
Linked = list[tuple[str, str, Mapping[str, Sequence[str]]]]


class MessageForm(StepForm):
    """Which saved message, and what this step changes in it."""

    tabs = (("message", "Message"), ("settings", "Settings"), ("preview", "Preview"))

    saved_message = forms.ChoiceField(
        required=False, label="Saved message", widget=forms.RadioSelect
    )
    subject = forms.CharField(max_length=250, required=False)
    preheader = forms.CharField(max_length=250, required=False)
    from_name = forms.CharField(max_length=120, required=False, label="From name")
    from_email = forms.CharField(max_length=254, required=False, label="From email")
    reply_to = forms.CharField(max_length=254, required=False, label="Reply to")
    transactional = forms.BooleanField(
        required=False,
        label="This message is transactional",
        help_text="It answers something the contact did, such as an order.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return the message and the changes."""
        return {
            name: getattr(config, name) for name in (*OVERRIDES, "saved_message", "transactional")
        }

    def offer(self) -> None:
        """Offer the list's saved messages; one that is gone stays until another is chosen."""
        names = list(
            SavedMessage.objects.filter(list=self.place.in_list)
            .order_by("name")
            .values_list("name", flat=True)
        )
        choices = [(name, name) for name in names]
        present = self.place.step.config.saved_message
        if present and present not in names:
            choices.append((present, f"{present} (no longer on this list)"))
        self.fields["saved_message"].choices = choices  # type: ignore[attr-defined]
        field: Any = self.fields["saved_message"]
        field.widget.attrs["form"] = "step-form"

    def clean(self) -> dict[str, Any]:
        """Refuse to commit what was not chosen."""
        if self.data.get("commit") == "latest" and not self.cleaned_data.get("saved_message"):
            self.add_error(None, "Choose a saved message first: there is nothing to commit yet.")
        return self.cleaned_data

    def settings(self) -> Any:
        """Return the message as a file has it; *Commit Message to Conversation* commits it."""
        given = self.cleaned_data
        written = {name: given[name] for name in ("saved_message", *OVERRIDES) if given[name]}
        if given["transactional"]:
            written["transactional"] = True
        send = self.place.step.config.send.model_dump(exclude_defaults=True)
        if send:
            written["send"] = send
        if self.data.get("commit") == "latest":
            written["commit"] = "latest"
        return written


class MobileForm(StepForm):
    """From which short code, to whom, what, and to which number."""

    tabs = (
        ("setup", "Setup"),
        ("message", "Message"),
        ("notification", "Notification"),
        ("preview", "Preview"),
    )

    fault_fields = {
        "notification.emails": "notify_emails",
        "notification.on": "notify_on",
        "notification": "notify_emails",
    }

    kind = forms.ChoiceField(
        label="Kind of message",
        choices=MessageType.choices,
        required=False,
        help_text="Only short codes that are provisioned for it are offered.",
    )
    short_code = forms.ChoiceField(label="Short code", required=False, widget=LinkedSelect)
    phone_list = forms.ChoiceField(label="List", required=False, widget=LinkedSelect)
    sms_message = forms.ChoiceField(label="SMS message", required=False, widget=LinkedSelect)
    override_name = forms.BooleanField(required=False, label="Override Default Name")
    text = forms.CharField(
        label="Mobile Message Text",
        required=False,
        max_length=1600,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Empty: the text of the SMS message.",
    )
    media_url = forms.CharField(
        label="Picture", required=False, max_length=500, help_text="An address that begins https://"
    )
    phone_field = forms.ChoiceField(label="Mobile number", required=False)
    invalid_number = forms.ChoiceField(
        label="If the number is invalid or does not exist",
        choices=[("pass", "Pass to the next step"), ("terminate", "Terminate")],
        widget=forms.RadioSelect,
    )
    resend_unknown = forms.BooleanField(
        required=False,
        label="Send again where it is not known whether it went",
        help_text="A few may get it twice; otherwise a few may not get it.",
    )

    notify_emails = forms.CharField(
        required=False,
        label="Tell these addresses",
        help_text="One a line, or separated by commas: people of your company.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    notify_on = forms.MultipleChoiceField(
        required=False,
        label="When",
        choices=[
            ("daily", "Every morning, what became of yesterday's messages"),
            ("failure", "When messages have failed, at most once an hour"),
        ],
        widget=forms.CheckboxSelectMultiple,
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return the settings; the kind is the chosen list's."""
        shown = {
            name: getattr(config, name)
            for name in (
                "short_code", "phone_list", "sms_message", "text", "media_url", "phone_field",
                "invalid_number",
            )
        }  # fmt: skip
        chosen = self.place.names.phone_list(config.short_code, config.phone_list)
        shown["kind"] = chosen.kind if chosen else MessageType.TRANSACTIONAL.value
        shown["override_name"] = bool(self.place.step.name)
        shown["resend_unknown"] = config.send.unknown == "resend"
        shown["notify_emails"] = "\n".join(config.notification.emails)
        shown["notify_on"] = config.notification.on
        return shown

    def offer(self) -> None:
        """Offer what goes together: kind, short code, list, SMS message."""
        config = self.place.step.config
        codes = ShortCode.objects.filter(email_list=self.place.in_list).order_by("code")
        lists = PhoneList.objects.filter(short_code__email_list=self.place.in_list, is_active=True)
        texts = SmsMessage.objects.filter(phone_list__short_code__email_list=self.place.in_list)
        self.link(
            "short_code",
            "Choose a short code",
            config.short_code,
            [(code.code, _code_label(code), {"kind": code.message_types}) for code in codes],
        )
        self.link(
            "phone_list",
            "Choose a list",
            config.phone_list,
            [
                (one.name, one.name, {"kind": [one.kind], "short_code": [one.short_code.code]})
                for one in lists.select_related("short_code").order_by("name")
            ],
        )
        self.link(
            "sms_message",
            "No SMS message: the text of this step",
            config.sms_message,
            [
                (
                    text.name,
                    text.name,
                    {
                        "short_code": [text.phone_list.short_code.code],
                        "phone_list": [text.phone_list.name],
                    },
                )
                for text in texts.select_related("phone_list__short_code").order_by("name")
            ],
        )
        self.fields["phone_field"].choices = [  # type: ignore[attr-defined]
            ("", "The short code's field, else the contact's phone"),
            *self.place.fields(["Text", "Numeric", "CommentArea"]),
        ]

    def link(self, name: str, none: str, present: str, choices: Linked) -> None:
        """Fill one of the linked drop-downs; a value that is gone stays until changed."""
        if present and present not in [value for value, _, _ in choices]:
            choices = [*choices, (present, f"{present} (no longer there)", {})]
        field: Any = self.fields[name]
        field.choices = [("", none), *((value, label) for value, label, _ in choices)]
        field.widget.links = [{}, *(links for _, _, links in choices)]

    def clean(self) -> dict[str, Any]:
        """Without *Override Default Name* the step is called what it does."""
        if not self.cleaned_data.get("override_name"):
            self.cleaned_data["name"] = ""
        return self.cleaned_data

    def settings(self) -> Any:
        """Return the step as a file has it."""
        given = self.cleaned_data
        names = ("short_code", "phone_list", "sms_message", "text", "media_url", "phone_field")
        written = {name: given[name] for name in names if given[name].strip()}
        if given["invalid_number"] == "terminate":
            written["invalid_number"] = "terminate"
        notification = {
            "emails": given["notify_emails"].replace(",", " ").split(),
            "on": given["notify_on"],
        }
        if any(notification.values()):
            written["notification"] = {name: kept for name, kept in notification.items() if kept}
        send = self.place.step.config.send.model_dump(exclude_defaults=True)
        send.pop("unknown", None)
        if given["resend_unknown"]:
            send["unknown"] = "resend"
        if send:
            written["send"] = send
        return written


def _code_label(code: ShortCode) -> str:
    return f"{code.code} ({code.merchant_name})" if code.merchant_name else code.code
