"""Start a thread: say which fact lets a contact in.

A contact enters when the event is raised for it, when it is subscribed to the list, when an
import brings it, or, with `none`, only by a Go To of another thread. A filter narrows who
is let in; who does not match has not entered and may enter later.
"""

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

LIST_FACTS = {
    "subscribed": "Subscribe",
    "resubscribed": "Subscribe again",
    "profile_updated": "Segment Update",
}


NAME_OR_NAMES = "This is the name of an event, or a list of names."


class TriggerConfig(StepConfig):
    """Which fact starts the thread: exactly one of the first four."""

    not_yet = {
        "fields": "narrowing a trigger to fields",
        "segment": "a trigger by segment",
        "order": "a trigger by order",
        "product": "a trigger by product",
        "date": "a trigger by date",
    }

    external_event: Annotated[
        Annotated[NameText, Tag("literal")] | Annotated[list[NameText], Tag("list")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=NAME_OR_NAMES),
    ] = ""
    list_: Literal["", "subscribed", "resubscribed", "profile_updated"] = Field("", alias="list")
    import_: bool = Field(default=False, alias="import")
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
        return written

    @model_validator(mode="after")
    def one_fact(self) -> Self:
        """Refuse two facts in one trigger."""
        if sum(map(bool, (self.event_names, self.list_, self.import_, self.none))) > 1:
            raise invalid("A trigger has one of external_event, list, import and none.")
        return self

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
        if config.event_names:
            return f"External Event: {', '.join(config.event_names)}"
        if config.list_:
            return f"List: {LIST_FACTS[config.list_]}"
        if config.import_:
            return "Import into the list"
        return "Only by Go To" if config.none else "Choose a trigger"

    def rules(self, config: TriggerConfig) -> dict[str, Rule]:
        """Return the filter."""
        return {"filter": config.filter} if config.filter else {}

    def problems(self, config: TriggerConfig, names: Names) -> list[StepProblem]:
        """Find a missing fact, unknown events, unknown names in the filter."""
        found = [
            unknown("external_event", "event", name)
            for name in config.event_names
            if names.event(name) is None
        ]
        if self.listens_to(config) == "":
            found.append(empty("", "Choose what starts the thread."))
        if config.filter:
            found += rule_problems("filter", config.filter, names)
        return found

    def compile(self, config: TriggerConfig, names: Names) -> dict[str, Any]:
        """Return the fact's kind, the ids of its events and the resolved filter."""
        events = [names.event(name) for name in config.event_names]
        return {
            "kind": self.listens_to(config),
            "external_event_ids": [event.pk for event in events if event is not None],
            "filter": resolved_rule(config.filter, names),
        }

    def listens_to(self, config: TriggerConfig) -> str:
        """Return the kind of fact, as listeners and intake name it; "" = not chosen."""
        if config.event_names:
            return "external_event"
        if config.list_:
            return config.list_
        if config.import_:
            return "import"
        return "none" if config.none else ""


STEP = Trigger()
