"""Start a thread: say which fact lets a contact in.

A contact enters when an external event is raised for it, when it comes to the list or
changes there, when it enters or leaves a segment, when an order first has a status, when a
product that it looked at is back, cheaper or running low, when an import brings it, or
every year on a date of its profile. With `none` only a Go To of another thread leads here.
A filter narrows who is let in; who does not match has not entered and may enter later.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from conductor.steps import (
    Names,
    NameText,
    Rule,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    invalid,
    resolved_rule,
    rule_problems,
    shape,
    unknown,
)
from conductor.triggers import (
    MIDNIGHT,
    PRODUCT_FACTS,
    DateTrigger,
    OrderTrigger,
    ProductTrigger,
    SegmentTrigger,
    duration_parts,
)
from contacts.durations import Duration, parse_duration

LIST_FACTS = {
    "subscribed": "Subscribe",
    "resubscribed": "Subscribe again",
    "profile_updated": "Segment Update",
    "address_changed": "Address Change",
}
# How a trigger is written, in the order of the file format's page.
WAYS = ("external_event", "list", "segment", "order", "product", "import", "date", "none")

NAME_OR_NAMES = "This is the name of an event, or a list of names."


class TriggerConfig(StepConfig):
    """Which fact starts the thread: exactly one of them, and perhaps a filter."""

    external_event: Annotated[
        Annotated[NameText, Tag("literal")] | Annotated[list[NameText], Tag("list")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=NAME_OR_NAMES),
    ] = ""
    list_: Literal["", "subscribed", "resubscribed", "profile_updated", "address_changed"] = Field(
        "", alias="list"
    )
    fields: list[NameText] = Field(default_factory=list)
    segment: SegmentTrigger | None = None
    order: OrderTrigger | None = None
    product: ProductTrigger | None = None
    import_: bool = Field(default=False, alias="import")
    date: DateTrigger | None = None
    none: bool = False
    filter: Rule = Field(default_factory=dict)

    @classmethod
    def read(cls, written: Any) -> Self:
        """Read the settings; `trigger: none` is short for `trigger: {none: true}`."""
        if written == "none":
            written = {"none": True}
        elif isinstance(written, dict) and written.get("none", False) is None:
            written = {**written, "none": True}
        return cls.model_validate(written)

    def write(self) -> Any:
        """Return the settings as a file has them."""
        if self.none and not self.filter:
            return "none"
        written = super().write()
        if len(self.event_names) == 1:
            written["external_event"] = self.event_names[0]
        if self.order is not None and len(self.order.statuses) == 1:
            written["order"]["status"] = self.order.statuses[0]
        return written

    @model_validator(mode="after")
    def one_fact(self) -> Self:
        """Refuse two facts in one trigger, and `fields` beside any but profile_updated."""
        if len(self.ways) > 1:
            raise invalid(f"A trigger has one of {', '.join(WAYS[:-1])} and none.")
        if self.fields and self.list_ != "profile_updated":
            raise invalid("Only `list: profile_updated` is narrowed by `fields`.")
        return self

    @property
    def ways(self) -> list[str]:
        """Which of `WAYS` are given."""
        given = {
            "external_event": bool(self.event_names),
            "list": bool(self.list_),
            "import": self.import_,
            "none": self.none,
        }
        return [
            way
            for way in WAYS
            if given.get(way, False) or (way not in given and getattr(self, way) is not None)
        ]

    @property
    def event_names(self) -> list[str]:
        """The external events, each once."""
        written = self.external_event
        names = [written] if isinstance(written, str) else written
        return list(dict.fromkeys(name for name in names if name))


class Trigger(StepType[TriggerConfig]):
    """The first step of a thread."""

    kind = "trigger"
    passes = "next"
    label = "Trigger"
    family = "entry"
    icon = "bolt"
    Config = TriggerConfig

    def sentence(self, config: TriggerConfig) -> str:
        """Say which fact it listens to."""
        way = config.ways[0] if config.ways else ""
        return SENTENCES[way](config)

    def rules(self, config: TriggerConfig) -> dict[str, Rule]:
        """Return the filter."""
        return {"filter": config.filter} if config.filter else {}

    def problems(self, config: TriggerConfig, names: Names) -> list[StepProblem]:
        """Find a missing fact, unknown names, a field that holds no date."""
        found = [
            unknown("external_event", "event", name)
            for name in config.event_names
            if names.event(name) is None
        ]
        found += [
            unknown(f"fields[{place}]", "field", name)
            for place, name in enumerate(config.fields)
            if names.field(name) is None
        ]
        if not config.ways:
            found.append(empty("", "Choose what starts the thread."))
        found += _segment_problems(config.segment, names)
        found += _product_problems(config.product, names)
        found += _date_problems(config.date, names)
        if config.filter:
            found += rule_problems("filter", config.filter, names)
        return found

    def compile(self, config: TriggerConfig, names: Names) -> dict[str, Any]:
        """Return the fact's kind, what narrows it by ids, and the resolved filter."""
        order, segment = config.order, config.segment or SegmentTrigger()
        fields = [names.field(name) for name in config.fields]
        found = names.segment(segment.name) if segment.name else None
        return {
            "kind": self.listens_to(config),
            "external_event_ids": _event_ids(config, names),
            "segment_id": found.pk if found is not None else None,
            "field_ids": [field.pk for field in fields if field is not None],
            "statuses": order.statuses if order else [],
            "max_age": duration_parts(order.max_age or "P2D") if order else None,
            "within": _within(config),
            "alarm": _alarm(config.date, names),
            "include_existing": segment.include_existing,
            "filter": resolved_rule(config.filter, names),
        }

    def listens_to(self, config: TriggerConfig) -> str:
        """Return the kind of fact, as listeners and intake name it; "" = not chosen."""
        way = config.ways[0] if config.ways else ""
        if way == "list":
            return config.list_
        if config.segment is not None:
            return f"segment_{config.segment.on}" if config.segment.on else ""
        if config.product is not None:
            return config.product.chosen[0]
        return way


def _segment_problems(segment: SegmentTrigger | None, names: Names) -> list[StepProblem]:
    if segment is None:
        return []
    found = []
    if not segment.name:
        found.append(empty("segment.name", "Choose a segment."))
    elif names.segment(segment.name) is None:
        found.append(unknown("segment.name", "segment", segment.name))
    if not segment.on:
        found.append(empty("segment.on", "Choose entered or left."))
    if segment.include_existing and segment.on == "left":
        text = "Who is in the segment when it goes live has not left it."
        found.append(StepProblem("segment.include_existing", "contradiction", text))
    return found


def _product_problems(product: ProductTrigger | None, names: Names) -> list[StepProblem]:
    if product is None:
        return []
    change, interest = product.chosen
    if not change:
        return [empty("product", "Choose back in stock, price drop or low stock.")]
    found = []
    if not interest.event:
        found.append(empty(f"product.{change}.event", "Choose the event of those interested."))
    elif names.event(interest.event) is None:
        found.append(unknown(f"product.{change}.event", "event", interest.event))
    if not interest.within:
        found.append(empty(f"product.{change}.within", "Say how long ago it may have been."))
    return found


def _date_problems(date: DateTrigger | None, names: Names) -> list[StepProblem]:
    if date is None:
        return []
    if not date.field:
        return [empty("date.field", "Choose a date field.")]
    field = names.field(date.field)
    if field is None:
        return [unknown("date.field", "field", date.field)]
    if field.data_type != "Date":
        return [StepProblem("date.field", "wrong_type", f"“{date.field}” is no date field.")]
    return []


def _event_ids(config: TriggerConfig, names: Names) -> list[int]:
    wanted = config.event_names
    if config.product is not None:
        wanted = [config.product.chosen[1].event]
    events = [names.event(name) for name in wanted if name]
    return [event.pk for event in events if event is not None]


def _within(config: TriggerConfig) -> dict[str, float] | None:
    written = config.product.chosen[1].within if config.product else ""
    return duration_parts(written) if written else None


def _alarm(date: DateTrigger | None, names: Names) -> dict[str, Any] | None:
    """Return {field_id, offset: {months, days}, at}."""
    field = names.field(date.field) if date else None
    if date is None or field is None:
        return None
    offset = {"months": date.shift.months, "days": date.shift.days}
    return {"field_id": field.pk, "offset": offset, "at": date.at or MIDNIGHT}


def _short(name: str) -> str:
    return name.partition(".")[2] or name


def _list_sentence(config: TriggerConfig) -> str:
    narrowed = f" of {', '.join(map(_short, config.fields))}" if config.fields else ""
    return f"List: {LIST_FACTS[config.list_]}{narrowed}"


def _segment_sentence(config: TriggerConfig) -> str:
    segment = config.segment or SegmentTrigger()
    on = segment.on or "entered or left"
    existing = ", those in it too" if segment.include_existing else ""
    return f"Segment: {on} {segment.name or '...'}{existing}"


def _order_sentence(config: TriggerConfig) -> str:
    statuses = config.order.statuses if config.order else []
    return f"Order: {', '.join(statuses) or 'any status'}"


def _product_sentence(config: TriggerConfig) -> str:
    change, interest = (config.product or ProductTrigger()).chosen
    if not change:
        return "Product: choose a change"
    within = f" in the last {parse_duration(interest.within).sentence()}" if interest.within else ""
    return f"Product: {PRODUCT_FACTS[change]}, after {interest.event or '...'}{within}"


def _date_sentence(config: TriggerConfig) -> str:
    date = config.date or DateTrigger()
    shift = ""
    if date.shift != Duration():
        shift = f"{date.shift.sentence()} {'before' if date.shift.is_negative else 'after'} "
    return f"Date: every year {shift}{_short(date.field) or '...'} at {date.at or MIDNIGHT}"


SENTENCES: dict[str, Callable[[TriggerConfig], str]] = {
    "": lambda config: "Choose a trigger",
    "external_event": lambda config: f"External Event: {', '.join(config.event_names)}",
    "list": _list_sentence,
    "segment": _segment_sentence,
    "order": _order_sentence,
    "product": _product_sentence,
    "import": lambda config: "Import into the list",
    "date": _date_sentence,
    "none": lambda config: "Only by Go To",
}

STEP = Trigger()
