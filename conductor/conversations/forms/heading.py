"""Forms for a conversation as a whole."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from conductor.conversations.document import Heading
from conductor.conversations.forms.durations import offset_text, read_length
from conductor.conversations.forms.step import RuleField, rule_text
from conductor.conversations.reading import Fault
from contacts.durations import InvalidDurationError, is_zone, parse_duration

LARGEST_FILE = 1_000_000


class ConversationForm(forms.Form):
    """A new conversation with its first thread."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autofocus": True}))
    description = forms.CharField(
        max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    thread = forms.CharField(
        max_length=120,
        label="First thread",
        initial="Thread 1",
        help_text="A thread begins with a trigger and ends with a terminate step.",
    )


class ThreadForm(forms.Form):
    """What a thread is called."""

    name = forms.CharField(
        max_length=120,
        error_messages={"required": "Give the thread a name."},
        widget=forms.TextInput(attrs={"autofocus": True}),
    )

    def __init__(self, data: Any = None, *, prefix_of_ids: str, name: str = "") -> None:
        super().__init__(data, auto_id=f"{prefix_of_ids}-%s", initial={"name": name})


class FileForm(forms.Form):
    """A conversation file."""

    file = forms.FileField(
        label="Conversation file", help_text="YAML or JSON, at most 1 MB.", allow_empty_file=False
    )

    def clean_file(self) -> Any:
        """Refuse what no conversation file can be, before it is read."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError("A conversation file is at most 1 MB.")
        return file


class SettingsForm(forms.Form):
    """Name, description, who may enter again, the clock, the end."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(
        max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    reentry = forms.ChoiceField(
        label="A contact may enter",
        choices=[
            ("once", "Once, ever"),
            ("after", "Again, a while after the last entry"),
            ("unlimited", "Again and again"),
        ],
        widget=forms.RadioSelect,
    )
    after = forms.CharField(
        required=False,
        label="How long after the last entry",
        help_text="Days, such as 90; or a duration such as P1Y (a year).",
    )
    while_in = forms.ChoiceField(
        label="Who may enter again while inside",
        choices=[
            ("refuse", "Stays where it is: the new entry is turned away"),
            ("restart", "Begins anew: the old stay ends"),
        ],
        widget=forms.RadioSelect,
        initial="refuse",
        required=False,
    )
    goal = RuleField(
        label="Goal",
        required=False,
        help_text="Asked whenever something happens to a contact inside: who matches has "
        "converted, and leaves.",
    )
    exit_when = RuleField(
        label="Leaves when",
        required=False,
        help_text="Asked likewise: who matches leaves, wherever it is.",
    )
    on_unsubscribe = forms.ChoiceField(
        label="Who unsubscribes while inside",
        choices=[
            ("continue", "Goes on; messages are skipped"),
            ("end", "Leaves the conversation"),
        ],
        widget=forms.RadioSelect,
        initial="continue",
        required=False,
    )
    time_zone = forms.ChoiceField(
        label="Clock",
        choices=[
            ("account", "The account's time zone"),
            ("contact", "Each contact's own time zone"),
            ("named", "This time zone"),
        ],
    )
    zone = forms.CharField(
        required=False, label="Time zone", help_text="An IANA name such as America/New_York."
    )
    expires = forms.DateTimeField(
        required=False,
        label="Takes nobody in after",
        help_text="Those inside finish. In the account's time zone.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def clean(self) -> dict[str, Any]:
        """Ask for what a choice needs."""
        given = self.cleaned_data
        if given.get("reentry") == "after":
            try:
                given["after"] = str(parse_duration(read_length(given.get("after", ""))))
            except InvalidDurationError as fault:
                self.add_error("after", str(fault))
        if given.get("time_zone") == "named" and not is_zone(given.get("zone", "")):
            self.add_error("zone", "This is an IANA name such as America/New_York.")
        return given

    def settings(self) -> dict[str, Any]:
        """Return the settings as a conversation file has them; None is the default."""
        given = self.cleaned_data
        reentry: Any = {"after": given["after"]}
        if given["reentry"] != "after":
            reentry = None if given["reentry"] == "once" else given["reentry"]
        zone = given["zone"] if given["time_zone"] == "named" else given["time_zone"]
        expires = given["expires"]
        return {
            "conversation": " ".join(given["name"].split()),
            "description": given["description"].strip() or None,
            "reentry": reentry,
            "while_in": "restart" if given["while_in"] == "restart" else None,
            "on_unsubscribe": "end" if given["on_unsubscribe"] == "end" else None,
            "exit_when": given["exit_when"] or None,
            "goal": given["goal"] or None,
            "time_zone": None if zone == "account" else zone,
            "expires": expires.replace(tzinfo=None).isoformat() if expires else None,
        }

    def show_fault(self, fault: Fault) -> None:
        """Put what a file may not have beside its field."""
        setting = fault.path.partition(".")[0]
        name = {"conversation": "name", "reentry.after": "after"}.get(fault.path, setting)
        self.add_error(name if name in self.fields else None, fault.text)


def settings_initial(heading: Heading, zone_of_account: ZoneInfo) -> dict[str, Any]:
    """Return what the settings form shows first; moments by the account's clock."""
    reentry = heading.reentry if isinstance(heading.reentry, str) else "after"
    zone = heading.time_zone or "account"
    named = zone not in {"account", "contact"}
    return {
        "name": heading.conversation,
        "description": heading.description,
        "reentry": reentry,
        "after": ""
        if isinstance(heading.reentry, str)
        else offset_text(str(heading.reentry.after)),
        "while_in": heading.while_in,
        "on_unsubscribe": heading.on_unsubscribe,
        "exit_when": rule_text(heading.exit_when),
        "goal": rule_text(heading.goal),
        "time_zone": "named" if named else zone,
        "zone": zone if named else "",
        "expires": _local(heading.expires, zone_of_account),
    }


def _local(written: str, zone: ZoneInfo) -> str:
    """Return a moment of a file as a clock of the zone shows it; "" for none."""
    if not written:
        return ""
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is not None:
        moment = moment.astimezone(zone).replace(tzinfo=None)
    return moment.isoformat(timespec="seconds")
