"""The panel of an action: one act, and what it needs."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from accounts.models import List
from conductor.conversations.forms.durations import offset_text, read_offset
from conductor.conversations.forms.step import LinkedSelect, StepForm
from conductor.conversations.models import Conversation
from conductor.steps.action import acts
from contacts.models import Segment
from messaging.models import CouponPool

NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?")
THIS = "this"


class ActionForm(StepForm):
    """What to do to the contact."""

    template = "conversations/panels/rows.html"

    act = forms.ChoiceField(label="What to do", required=False)
    field = forms.ChoiceField(required=False, label="Field")
    value = forms.CharField(
        required=False, label="Value", help_text="Of a check box: on or off. Of a date: 2026-11-30."
    )
    from_field = forms.ChoiceField(required=False, label="The value of")
    of = forms.ChoiceField(
        required=False,
        label="Which date",
        choices=[("step", "The day the contact comes here"), ("entry", "The day it entered")],
    )
    offset = forms.CharField(
        required=False, label="Days before or after", help_text="-3 is three days before."
    )
    since_field = forms.ChoiceField(required=False, label="The time since the date in")
    unit = forms.ChoiceField(
        required=False,
        label="In",
        choices=[(unit, unit) for unit in ("days", "weeks", "months")],
    )
    pool = forms.ChoiceField(
        required=False, label="Coupon pool", help_text="Pools are kept under Authoring, Coupons."
    )
    groups = forms.IntegerField(
        required=False, label="How many groups", min_value=2, max_value=100,
        help_text="The field gets a number from 1 on.",
    )  # fmt: skip
    event = forms.ChoiceField(required=False, label="External event")
    to_list = forms.ChoiceField(required=False, label="List")
    from_list = forms.ChoiceField(required=False, label="List to leave")
    conversation = forms.ChoiceField(required=False, label="Conversation")
    thread = forms.ChoiceField(required=False, label="Thread", widget=LinkedSelect)
    segment = forms.ChoiceField(
        required=False, label="Segment", help_text="Only segments that are kept by hand."
    )
    shown_by = {
        "field": "act=set|copy|clear|set_date|set_difference|set_coupon|random_group",
        "value": "act=set",
        "from_field": "act=copy",
        "of": "act=set_date",
        "offset": "act=set_date",
        "since_field": "act=set_difference",
        "unit": "act=set_difference",
        "pool": "act=set_coupon",
        "groups": "act=random_group",
        "event": "act=raise_event",
        "to_list": "act=subscribe",
        "from_list": "act=unsubscribe",
        "conversation": "act=enroll",
        "thread": "act=enroll",
        "segment": "act=add_to_segment|remove_from_segment",
    }
    fault_fields = {
        "": "act",
        **{
            f"{act}.field": "field"
            for act in ("set_field", "set_date", "set_difference", "set_coupon", "random_group")
        },
        "set_field.value": "value",
        "set_field.value.from_field": "from_field",
        "set_date.offset": "offset",
        "set_difference.from_field": "since_field",
        "set_difference.unit": "unit",
        "set_coupon.pool": "pool",
        "random_group.groups": "groups",
        "raise_event": "event",
        "subscribe": "to_list",
        "unsubscribe": "from_list",
        "enroll.conversation": "conversation",
        "enroll.thread": "thread",
        "add_to_segment": "segment",
        "remove_from_segment": "segment",
    }

    def read(self, config: Any) -> dict[str, Any]:
        """Return the act and its values."""
        chosen = config.chosen()
        if chosen is None:
            return {}
        act, setting = chosen
        if act.name == "set_field":
            return _set_field_shown(setting)
        shown: dict[str, Any] = {"act": act.name}
        plain = {
            "raise_event": "event", "subscribe": "to_list", "unsubscribe": "from_list",
            "add_to_segment": "segment", "remove_from_segment": "segment",
        }  # fmt: skip
        if act.name in plain:
            return {**shown, plain[act.name]: setting}
        for name in ("field", "of", "unit", "pool", "groups", "conversation", "thread"):
            if hasattr(setting, name):
                shown[name] = getattr(setting, name)
        shown["since_field"] = getattr(setting, "from_field", "")
        shown["offset"] = offset_text(getattr(setting, "offset", ""))
        return shown

    def offer(self) -> None:
        """Offer the acts, and what each needs of the list and the account."""
        labels = {name: act.label for name, act in acts().items()}
        field: Any = self.fields["act"]
        field.choices = [
            ("", "Choose"),
            ("set", "Set a field to a value"),
            ("copy", "Set a field to another field's value"),
            ("clear", "Clear a field"),
            *((name, label) for name, label in labels.items() if name != "set_field"),
        ]
        shown = self.initial
        names = [name for name, _ in self.place.fields()]
        dates = [name for name, _ in self.place.fields(["Date"])]
        lists = list(List.objects.order_by("name").values_list("name", flat=True))
        pools = list(CouponPool.objects.order_by("name").values_list("name", flat=True))
        by_hand = Segment.objects.filter(list=self.place.in_list, kind="manual").order_by("name")
        offers = {
            "field": (names, "Choose a field"),
            "from_field": (names, "Choose a field"),
            "since_field": (dates, "Choose a date field"),
            "pool": (pools, "Choose a pool"),
            "event": (self.place.events(), "Choose an event"),
            "to_list": (lists, "Choose a list"),
            "segment": (list(by_hand.values_list("name", flat=True)), "Choose a segment"),
        }
        for name, (known, none) in offers.items():
            self.choose(name, known, [shown.get(name, "")], none=none)
        leaving: Any = self.fields["from_list"]
        others = [(name, name) for name in lists if name != self.place.in_list.name]
        leaving.choices = [("", "Choose a list"), (THIS, "This list"), *others]
        self.offer_conversations(shown)

    def offer_conversations(self, shown: Mapping[str, Any]) -> None:
        """Offer the list's conversations, and the threads of each."""
        rows = Conversation.objects.filter(list=self.place.in_list, rehearsal_of=None)
        drawn = {row.name: row for row in rows.select_related("published").order_by("name")}
        self.choose(
            "conversation",
            list(drawn),
            [shown.get("conversation", "")],
            none="Choose a conversation",
        )
        threads: dict[str, list[str]] = {}
        for name, row in drawn.items():
            document = row.published.document if row.published else row.draft
            for thread in document.get("threads", []):
                threads.setdefault(thread["thread"], []).append(name)
        self.choose("thread", list(threads), [shown.get("thread", "")], none="Choose a thread")
        field: Any = self.fields["thread"]
        field.widget.links = [{}, *({"conversation": names} for names in threads.values())]

    def settings(self) -> Any:
        """Return the action as a file has it."""
        given = self.cleaned_data
        act = given["act"]
        if act in {"set", "copy", "clear"}:
            values: dict[str, Any] = {
                "set": self.typed_value(),
                "copy": {"from_field": given["from_field"]},
                "clear": None,
            }
            return {"set_field": {"field": given["field"], "value": values[act]}}
        parts: dict[str, Any] = {
            "set_date": {
                "field": given["field"],
                "offset": read_offset(given["offset"]),
                "of": given["of"] or "step",
            },
            "set_difference": {
                "field": given["field"],
                "from_field": given["since_field"],
                "unit": given["unit"] or "days",
            },
            "set_coupon": {"pool": given["pool"], "field": given["field"]},
            "random_group": {"field": given["field"], "groups": given["groups"]},
            "enroll": {"conversation": given["conversation"], "thread": given["thread"]},
        }
        if act in parts:
            return {act: {name: value for name, value in parts[act].items() if value}}
        plain = {
            "raise_event": "event", "subscribe": "to_list", "unsubscribe": "from_list",
            "add_to_segment": "segment", "remove_from_segment": "segment",
        }  # fmt: skip
        return {act: given[plain[act]]} if act else {}

    def typed_value(self) -> Any:
        """Return the value as its field's type has it, so that files read well."""
        value = self.cleaned_data["value"]
        field = self.place.names.field(self.cleaned_data["field"])
        if field is not None and field.data_type == "Numeric" and NUMBER.fullmatch(value):
            return float(value) if "." in value else int(value)
        return value


def _set_field_shown(setting: Any) -> dict[str, Any]:
    """Return how the panel shows what a field is set to."""
    if hasattr(setting.value, "from_field"):
        return {"act": "copy", "field": setting.field, "from_field": setting.value.from_field}
    if setting.value is None and "value" in setting.model_fields_set:
        return {"act": "clear", "field": setting.field}
    value = {True: "on", False: "off", None: ""}.get(setting.value, setting.value)
    return {"act": "set", "field": setting.field, "value": value}
