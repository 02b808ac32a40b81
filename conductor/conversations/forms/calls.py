"""The panels of steps that reach further: webhook, code, and kinds without a panel of their own."""

import re
from typing import Any

from django import forms

from accounts.models import Secret
from conductor.conversations.forms.step import StepForm
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.writing import write_yaml
from contacts.durations import Duration, parse_duration

CODE = {"class": "code", "spellcheck": "false"}
HEADER = re.compile(r"\s*([^:\s]+)\s*:\s*(.*?)\s*")
POINTER = re.compile(r"\s*([^=]+?)\s*=\s*(\S*)\s*")


def lines_of(text: str) -> list[str]:
    """Return the lines that hold something."""
    return [line for line in text.splitlines() if line.strip()]


class WebhookForm(StepForm):
    """What is sent where, and what is kept of the answer."""

    template = "conversations/panels/rows.html"

    method = forms.ChoiceField(
        label="Method",
        choices=[(name, name) for name in ("POST", "PUT", "PATCH", "GET", "DELETE")],
    )
    url = forms.CharField(
        label="Address",
        max_length=2000,
        required=False,
        help_text="Begins https://. It may hold {{ contact.email }} and the like.",
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, **CODE}),
        help_text="One a line: Authorization: Bearer {{ secrets.NAME }}",
    )
    body = forms.CharField(
        label="Body",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, **CODE}),
        help_text='A template, such as {"email": {{ contact.email | tojson }}}.',
    )
    secret = forms.ChoiceField(
        label="Sign with the secret",
        required=False,
        help_text="Secrets are kept under Integrations.",
    )
    timeout = forms.IntegerField(
        label="Give up an attempt after seconds", min_value=1, max_value=30, required=False
    )
    save_response = forms.CharField(
        label="Keep of the answer",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, **CODE}),
        help_text="One a line: Group.Field = /path/in/the/answer",
    )
    fault_fields = {"": "url"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return the request as text."""
        shown = {name: getattr(config, name) for name in ("method", "url", "body", "secret")}
        shown["headers"] = "\n".join(f"{name}: {value}" for name, value in config.headers.items())
        shown["save_response"] = "\n".join(
            f"{field} = {pointer}" for field, pointer in config.save_response.items()
        )
        shown["timeout"] = int(parse_duration(config.timeout).seconds) if config.timeout else 10
        return shown

    def offer(self) -> None:
        """Offer the account's secrets."""
        names = list(Secret.objects.order_by("name").values_list("name", flat=True))
        self.choose("secret", names, [self.place.step.config.secret], none="Do not sign")

    def clean_headers(self) -> dict[str, str]:
        """Read a header a line."""
        return self.pairs("headers", HEADER, "A header is written as Name: value")

    def clean_save_response(self) -> dict[str, str]:
        """Read a field and a pointer a line."""
        return self.pairs("save_response", POINTER, "Write Group.Field = /path")

    def pairs(self, field: str, pattern: re.Pattern[str], words: str) -> dict[str, str]:
        """Return the pairs of a text with one of them on each line."""
        found = {}
        for line in lines_of(self.cleaned_data[field]):
            read = pattern.fullmatch(line)
            if read is None:
                raise forms.ValidationError(f"{words}: “{line.strip()[:60]}”.")
            found[read[1]] = read[2]
        return found

    def settings(self) -> Any:
        """Return the webhook as a file has it."""
        given = self.cleaned_data
        written = {name: given[name] for name in ("url", "headers", "body", "secret")}
        written["save_response"] = given["save_response"]
        written = {name: value for name, value in written.items() if value}
        if given["method"] != "POST":
            written["method"] = given["method"]
        if given["timeout"] and given["timeout"] != 10:
            written["timeout"] = str(Duration(seconds=given["timeout"]))
        return written


class CodeForm(StepForm):
    """A program, and the ways out that it may name."""

    template = "conversations/panels/rows.html"

    source = forms.CharField(
        label="JavaScript",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 12,
                **CODE,
                "placeholder": "return {exit: 'next', set: {'Profile.Points': 10}}",
            }
        ),
        help_text="It may read contact, fields, entry, now and draw, and returns the way out to take"
        " and the fields to set.",
    )
    more_exits = forms.CharField(
        label="More ways out",
        required=False,
        help_text="Names, separated by commas, that the code may return as exit. “next” and “failed”"
        " are always there.",
    )
    fault_fields = {"": "source", "exits": "more_exits"}

    def read(self, config: Any) -> dict[str, Any]:
        """Return the code and the names."""
        return {"source": config.source, "more_exits": ", ".join(config.exits)}

    def settings(self) -> Any:
        """Return the step as a file has it."""
        given = self.cleaned_data
        names = [name.strip() for name in given["more_exits"].split(",") if name.strip()]
        written: dict[str, Any] = {}
        if given["source"].strip():
            written["source"] = given["source"].replace("\r\n", "\n")
        if names:
            written["exits"] = names
        return written


class PlainForm(StepForm):
    """The settings as a conversation file has them, for a kind without a panel of its own."""

    template = "conversations/panels/rows.html"

    written = forms.CharField(
        label="Settings",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, **CODE}),
        help_text="As in a conversation file.",
    )

    def read(self, config: Any) -> dict[str, Any]:
        """Return the settings as YAML."""
        settings = config.write()
        return {"written": write_yaml(settings) if settings else ""}

    def clean_written(self) -> Any:
        """Read the YAML."""
        text = self.cleaned_data["written"]
        if not text.strip():
            return {}
        try:
            return read_structure(text)
        except MalformedConversationError as malformed:
            raise forms.ValidationError([str(fault) for fault in malformed.faults]) from malformed

    def settings(self) -> Any:
        """Return the settings."""
        return self.cleaned_data["written"]

    def show_fault(self, fault: Any) -> None:
        """Put every fault beside the settings."""
        self.add_error("written", str(fault))
