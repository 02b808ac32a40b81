"""The panel of a trigger: what starts a thread."""

from typing import Any

from django import forms

from conductor.conversations.forms.durations import offset_text, read_length, read_offset
from conductor.conversations.forms.step import RuleField, StepForm, rule_text
from conductor.steps.trigger import STEP as TRIGGER
from conductor.triggers import PRODUCT_FACTS
from contacts.models import OrderStatus, Segment

LIST_KINDS = ("subscribed", "resubscribed", "profile_updated", "address_changed")
SEGMENT_KINDS = ("segment_entered", "segment_left")
NARROWED = (
    "external_event", *LIST_KINDS, "import", "order", "date", *SEGMENT_KINDS, *PRODUCT_FACTS,
)  # fmt: skip


class TriggerForm(StepForm):
    """What starts the thread."""

    template = "conversations/panels/rows.html"

    kind = forms.ChoiceField(
        label="What starts this thread",
        choices=[
            ("", "Choose a trigger"),
            ("external_event", "External Event"),
            (
                "List",
                [
                    ("subscribed", "List: Subscribe"),
                    ("resubscribed", "List: Subscribe again"),
                    ("profile_updated", "List: Segment Update"),
                    ("address_changed", "List: Address Change"),
                    ("import", "Import"),
                ],
            ),
            (
                "Segment",
                [
                    ("segment_entered", "Enters a segment"),
                    ("segment_left", "Leaves a segment"),
                ],
            ),
            (
                "Shop",
                [
                    ("order", "Order"),
                    ("back_in_stock", "Product back in stock"),
                    ("price_drop", "Product price drop"),
                    ("low_stock", "Product low in stock"),
                ],
            ),
            ("date", "Every year on a date in the profile"),
            ("none", "Nothing: only a Go To leads here"),
        ],
        required=False,
    )
    events = forms.MultipleChoiceField(
        label="External events",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Any of them lets a contact in.",
    )
    changed = forms.MultipleChoiceField(
        label="Only when one of these fields changed",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: any field.",
    )
    segment = forms.ChoiceField(label="Segment", required=False)
    include_existing = forms.BooleanField(
        required=False,
        label="Those who are in it already enter, too",
        help_text="Once, when the conversation is published.",
    )
    statuses = forms.MultipleChoiceField(
        label="When an order first is",
        required=False,
        choices=OrderStatus.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: any status.",
    )
    max_age = forms.CharField(
        label="Orders at most this old",
        required=False,
        help_text="Days, or a duration such as P2D. Older ones start nothing.",
    )
    alert_event = forms.ChoiceField(
        label="For contacts with this event for the product",
        required=False,
        help_text="The event's property sku names the product: browse, cart, alert sign-up.",
    )
    within = forms.CharField(
        label="in the last", required=False, help_text="Days, or a duration such as P30D."
    )
    date = forms.ChoiceField(label="Date field", required=False)
    offset = forms.CharField(
        label="Days before or after",
        required=False,
        help_text="-3 is three days before the date.",
    )
    at = forms.CharField(
        label="At",
        required=False,
        widget=forms.TextInput(attrs={"type": "time"}),
        help_text="Empty: midnight.",
    )
    filter = RuleField(
        label="Only contacts who match", required=False, help_text="Empty: everybody."
    )
    shown_by = {
        "events": "kind=external_event",
        "changed": "kind=profile_updated",
        "segment": "kind=segment_entered|segment_left",
        "include_existing": "kind=segment_entered",
        "statuses": "kind=order",
        "max_age": "kind=order",
        "alert_event": f"kind={'|'.join(PRODUCT_FACTS)}",
        "within": f"kind={'|'.join(PRODUCT_FACTS)}",
        "date": "kind=date",
        "offset": "kind=date",
        "at": "kind=date",
        "filter": f"kind={'|'.join(NARROWED)}",
    }
    fault_fields = {
        "external_event": "events",
        "list": "kind",
        "fields": "changed",
        "segment.name": "segment",
        "segment.include_existing": "include_existing",
        "order.status": "statuses",
        "order.max_age": "max_age",
        **{f"product.{fact}.event": "alert_event" for fact in PRODUCT_FACTS},
        **{f"product.{fact}.within": "within" for fact in PRODUCT_FACTS},
        "date.field": "date",
        "date.offset": "offset",
        "date.at": "at",
    }

    def read(self, config: Any) -> dict[str, Any]:
        """Return what the form shows of the trigger."""
        shown = {
            "kind": TRIGGER.listens_to(config),
            "events": config.event_names,
            "changed": config.fields,
            "filter": rule_text(config.filter),
        }
        if config.segment is not None:
            shown["segment"] = config.segment.name
            shown["include_existing"] = config.segment.include_existing
        if config.order is not None:
            shown.update(statuses=config.order.statuses, max_age=offset_text(config.order.max_age))
        if config.product is not None:
            interest = config.product.chosen[1]
            shown.update(alert_event=interest.event, within=offset_text(interest.within))
        if config.date is not None:
            date = config.date
            shown.update(date=date.field, offset=offset_text(date.offset), at=date.at)
        return shown

    def offer(self) -> None:
        """Offer the list's events, fields and segments; one that is gone stays until changed."""
        config = self.place.step.config
        known = self.place.events()
        self.choose("events", known, config.event_names)
        self.choose("changed", [name for name, _ in self.place.fields()], config.fields)
        shown = self.initial
        self.choose("alert_event", known, [shown.get("alert_event", "")], none="Choose an event")
        self.choose(
            "date",
            [name for name, _ in self.place.fields(["Date"])],
            [shown.get("date", "")],
            none="Choose a date field",
        )
        segments = Segment.objects.filter(list=self.place.in_list).order_by("name")
        self.choose(
            "segment",
            list(segments.values_list("name", flat=True)),
            [shown.get("segment", "")],
            none="Choose a segment",
        )

    def exit_defaults(self) -> dict[str, str]:
        """Leave a trigger's way as it is."""
        return {}

    def settings(self) -> Any:
        """Return the trigger as a file has it."""
        given = self.cleaned_data
        kind, rule = given["kind"], given["filter"]
        written: dict[str, Any] = self.way(kind)
        if rule and kind not in {"", "none"}:
            written["filter"] = rule
        return written

    def way(self, kind: str) -> dict[str, Any]:
        """Return the fact as a file has it."""
        given = self.cleaned_data
        if kind in {"import", "none"}:
            return {kind: True}
        if kind in LIST_KINDS:
            fields = {"fields": given["changed"]} if given["changed"] else {}
            return {"list": kind, **(fields if kind == "profile_updated" else {})}
        ways: dict[str, Any] = {
            "external_event": lambda: {"external_event": given["events"]},
            "order": lambda: {"order": self.order()},
            "date": lambda: {"date": self.date_settings()},
        }
        if kind in ways:
            way: dict[str, Any] = ways[kind]()
            return way
        if kind in SEGMENT_KINDS:
            return {"segment": self.segment_settings(kind)}
        return {"product": {kind: self.interest()}} if kind else {}

    def order(self) -> dict[str, Any]:
        """Return the order trigger."""
        given = self.cleaned_data
        written: dict[str, Any] = {"status": given["statuses"]} if given["statuses"] else {}
        if given["max_age"].strip():
            written["max_age"] = read_length(given["max_age"])
        return written

    def segment_settings(self, kind: str) -> dict[str, Any]:
        """Return the segment trigger."""
        written: dict[str, Any] = {"on": kind.removeprefix("segment_")}
        if self.cleaned_data["segment"]:
            written = {"name": self.cleaned_data["segment"], **written}
        if self.cleaned_data["include_existing"] and kind == "segment_entered":
            written["include_existing"] = True
        return written

    def interest(self) -> dict[str, Any]:
        """Return who is told of a product."""
        given = self.cleaned_data
        written = {"event": given["alert_event"], "within": read_length(given["within"])}
        return {name: value for name, value in written.items() if value}

    def date_settings(self) -> dict[str, Any]:
        """Return the yearly date."""
        given = self.cleaned_data
        written = {
            "field": given["date"],
            "offset": read_offset(given["offset"]),
            "at": given["at"],
        }
        return {name: value for name, value in written.items() if value}
