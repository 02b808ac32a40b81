"""The panel of Wait For: what is waited for, and for how long at most."""

from typing import Any

from django import forms

from conductor.conversations.forms.durations import UNITS, amount_and_unit, read_amount
from conductor.conversations.forms.step import RuleField, StepForm, rule_text
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.writing import write_json
from contacts.durations import InvalidDurationError
from contacts.models import OrderStatus


class WaitForForm(StepForm):
    """What is waited for, and for how long at most."""

    template = "conversations/panels/rows.html"

    way = forms.ChoiceField(
        label="Wait for",
        choices=[
            ("event", "An external event"),
            ("order", "An order"),
            ("message", "What becomes of an email"),
            ("sms", "What the contact does with a text message"),
            ("filter", "A filter that becomes true"),
        ],
        widget=forms.RadioSelect,
    )
    event = forms.ChoiceField(required=False, label="External event")
    statuses = forms.MultipleChoiceField(
        label="When an order first is",
        required=False,
        choices=OrderStatus.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: any status.",
    )
    did = forms.ChoiceField(
        required=False,
        label="The email is",
        choices=[
            (did, did) for did in ("sent", "opened", "read", "clicked", "bounced", "converted")
        ],
    )
    of_step = forms.ChoiceField(required=False, label="Which email")
    sms_did = forms.ChoiceField(
        required=False,
        label="The contact",
        choices=[("clicked", "clicks a link"), ("replied", "replies")],
    )
    filter = RuleField(label="Contacts go on who match", required=False)
    where = forms.CharField(
        required=False,
        label="Only where its properties are",
        widget=forms.Textarea(attrs={"rows": 3, "class": "code", "spellcheck": "false"}),
        help_text="As in a conversation file: {name: sku, is: A1}, or a list of these.",
    )
    amount = forms.CharField(label="At most", required=False)
    unit = forms.ChoiceField(
        required=False,
        label="Unit",
        choices=[*((unit, unit) for unit in UNITS), ("iso", "as a duration, such as P1DT6H")],
        help_text="Who has waited so long in vain goes on by “timed out”.",
    )
    shown_by = {
        "event": "way=event",
        "statuses": "way=order",
        "did": "way=message",
        "of_step": "way=message",
        "sms_did": "way=sms",
        "filter": "way=filter",
        "where": "way=event|order|message|sms",
    }
    fault_fields = {
        "order.status": "statuses",
        "message.did": "did",
        "message.step": "of_step",
        "sms.did": "sms_did",
        "timeout": "amount",
    }

    def read(self, config: Any) -> dict[str, Any]:
        """Return the way and its values."""
        shown: dict[str, Any] = {
            "way": config.way or "event",
            "event": config.event,
            "filter": rule_text(config.filter),
            "unit": "days",
            "where": "" if config.where is None else write_json(config.where).strip(),
        }
        if config.order is not None:
            shown["statuses"] = config.order.statuses
        if config.message is not None:
            shown.update(did=config.message.did, of_step=config.message.step)
        if config.sms is not None:
            shown["sms_did"] = config.sms.did
        if config.timeout:
            shown["amount"], shown["unit"] = amount_and_unit(config.timeout)
        return shown

    def offer(self) -> None:
        """Offer the list's events, and the emails of this conversation."""
        config = self.place.step.config
        self.choose("event", self.place.events(), [config.event], none="Choose an event")
        steps = self.place.document.steps()
        mails = [
            (key, label) for key, label in self.place.targets() if steps[key].kind == "message"
        ]
        field: Any = self.fields["of_step"]
        field.choices = [("", "Any email of this list"), *mails]
        present = config.message.step if config.message is not None else ""
        if present and present not in dict(mails):
            field.choices.append((present, f"{present} (not there any more)"))

    def clean(self) -> dict[str, Any]:
        """Read the time-out and the properties."""
        given = self.cleaned_data
        if given.get("amount", "").strip():
            try:
                given["timeout"] = read_amount(given["amount"].strip(), given["unit"])
            except InvalidDurationError as fault:
                self.add_error("amount", str(fault))
        if given.get("where", "").strip():
            try:
                given["properties"] = read_structure(given["where"])
            except MalformedConversationError as malformed:
                self.add_error("where", str(malformed.faults[0]))
        return given

    def settings(self) -> Any:
        """Return what is waited for as a file has it."""
        given = self.cleaned_data
        message = {"did": given["did"], "step": given["of_step"]}
        ways: dict[str, Any] = {
            "event": given["event"],
            "order": {"status": given["statuses"]} if given["statuses"] else {},
            "message": {name: value for name, value in message.items() if value},
            "sms": {"did": given["sms_did"]},
            "filter": given["filter"],
        }
        way = given["way"]
        written: dict[str, Any] = {way: ways[way]} if ways[way] or way != "event" else {}
        if way == "filter" and not ways[way]:
            written = {}
        if way != "filter" and "properties" in given:
            written["where"] = given["properties"]
        if given.get("timeout"):
            written["timeout"] = given["timeout"]
        return written
