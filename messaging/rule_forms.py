"""Forms of the account's rules, of replies and of answers."""

from typing import Any

from django import forms

from messaging.actions.reply_texts import DEFAULTS, LABELS, LONGEST
from messaging.models import CapChannel, CapPeriod, SendingRules, ShortCode

TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class RulesForm(forms.Form):
    """At what hours, how many, whom not."""

    email_opens = forms.TimeField(required=False, label="Emails from", widget=TIME)
    email_closes = forms.TimeField(required=False, label="Emails until", widget=TIME)
    sms_opens = forms.TimeField(required=False, label="Texts from", widget=TIME)
    sms_closes = forms.TimeField(required=False, label="Texts until", widget=TIME)
    follows_law = forms.BooleanField(
        required=False,
        label="Marketing texts keep to the hours of the law",
        help_text="Of the number's state or province in the United States and Canada.",
    )
    holdout_percent = forms.IntegerField(
        min_value=0,
        max_value=50,
        label="Held out, percent",
        help_text="So many of all contacts get nothing: what you compare the others with.",
    )
    most_a_day = forms.IntegerField(
        min_value=0,
        max_value=2_000_000_000,
        label="Most messages a day",
        help_text="Over all contacts; the rest waits for the next day. 0: no limit.",
    )


def rules_initial(rules: SendingRules | None) -> dict[str, Any]:
    """Return what the form shows first."""
    if rules is None:
        return {"follows_law": True, "holdout_percent": 0, "most_a_day": 0}
    return {name: getattr(rules, name) for name in RulesForm.base_fields}


class CapForm(forms.Form):
    """A cap."""

    most = forms.IntegerField(min_value=1, max_value=1000, label="At most")
    channel = forms.ChoiceField(choices=CapChannel.choices, label="Of")
    period = forms.ChoiceField(choices=CapPeriod.choices, label="In")
    campaign = forms.CharField(
        required=False,
        max_length=120,
        label="Campaign",
        help_text="Only conversations and broadcasts of this campaign; empty: everything.",
    )


class RepliesForm(forms.Form):
    """What a short code answers."""

    care_contact = forms.CharField(
        required=False,
        max_length=120,
        label="Customer care",
        help_text="Whom HELP names: a number, an address or a page.",
    )
    stop_words = forms.CharField(
        required=False,
        label="Further STOP words",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="STOP, END, CANCEL, UNSUBSCRIBE, QUIT, ARRET, ALTO and their like always count.",
    )
    start_words = forms.CharField(
        required=False,
        label="Further START words",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="START, UNSTOP, COMMENCER, INICIAR and their like always count.",
    )
    help_words = forms.CharField(
        required=False,
        label="Further HELP words",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="HELP, INFO, AIDE, AYUDA always count.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, label in LABELS.items():
            self.fields[kind] = forms.CharField(
                required=False,
                max_length=LONGEST,
                label=label,
                strip=False,
                widget=forms.Textarea(attrs={"rows": 3}),
            )

    def texts(self) -> dict[str, str]:
        """Return the texts by kind."""
        return {kind: self.cleaned_data.get(kind, "") for kind in LABELS}


def replies_initial(short_code: ShortCode) -> dict[str, Any]:
    """Return what the form shows first: the defaults where nothing else is set."""
    return {
        **DEFAULTS,
        **short_code.replies,
        "care_contact": short_code.care_contact,
        "stop_words": "\n".join(short_code.stop_words),
        "start_words": "\n".join(short_code.start_words),
        "help_words": "\n".join(short_code.help_words),
    }


class AnswerForm(forms.Form):
    """What a marketer writes to somebody who wrote."""

    text = forms.CharField(
        max_length=1000,
        label="Answer",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write something."},
    )
