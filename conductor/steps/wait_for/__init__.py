"""Hold each contact until something happens, but no longer than the time-out.

What happens is an external event, an order, an open or click of a message, an answer to a
text; only what happens after the contact came here counts. Or it is a filter that becomes
true, which it may be at once. Who waits in vain leaves by *timed out*.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from conductor.orders import OfStatus
from conductor.steps import (
    NEXT,
    Arrivals,
    DurationText,
    Names,
    NameText,
    Rule,
    StepConfig,
    StepProblem,
    StepType,
    TargetKey,
    empty,
    invalid,
    resolved_rule,
    rule_problems,
    unknown,
)
from conductor.steps.wait_for.looking import ask, look
from contacts import filters
from contacts.durations import parse_duration
from contacts.filters import Heard, saved
from contacts.filters.properties import property_sentence, read_property
from contacts.filters.reading import Reader, within
from contacts.filters.scope import VanishedError
from contacts.filters.sentences import listed

# What turns true by time alone, wherever it stands in a rule.
BY_TIME = ("within", "in_last", "in_next", "anniversary_in")


def _where(written: Any) -> Any:
    """Read what is asked of properties; return it canonical."""
    reader = Reader()
    asked = written if isinstance(written, list) else [written]
    read = [read_property(reader, one, "") for one in asked]
    for path, text in reader.faults:
        raise invalid(f"{path}: {text}" if path else text)
    for path in _by_time(read):
        raise invalid(by_time_text(path))
    return read if isinstance(written, list) else read[0]


class MessageWait(StepConfig):
    """What became of an email of the list, or of the one that a step here sent."""

    did: Literal["", "sent", "opened", "read", "clicked", "bounced", "converted"] = ""
    step: TargetKey = ""


class SmsWait(StepConfig):
    """What the contact did with a text of the list."""

    did: Literal["", "clicked", "replied"] = ""


WAYS = ("event", "order", "message", "sms", "filter")


class WaitForConfig(StepConfig):
    """What is waited for, exactly one of `WAYS`, and for how long at most."""

    event: NameText = ""
    order: OfStatus | None = None
    message: MessageWait | None = None
    sms: SmsWait | None = None
    where: Annotated[Any, BeforeValidator(_where)] = None
    filter: Rule = Field(default_factory=dict)
    timeout: DurationText = ""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Refuse two things to wait for, and properties of a filter."""
        if len(self.ways) > 1:
            raise invalid(f"A wait for has one of {', '.join(WAYS[:-1])} and {WAYS[-1]}.")
        if self.where is not None and self.ways == ["filter"]:
            raise invalid("`where` narrows what happens; a filter says itself what it asks.")
        return self

    @property
    def ways(self) -> list[str]:
        """Which of `WAYS` are given."""
        given = {
            "event": bool(self.event),
            "order": self.order is not None,
            "message": self.message is not None,
            "sms": self.sms is not None,
            "filter": bool(self.filter),
        }
        return [way for way in WAYS if given[way]]

    @property
    def way(self) -> str:
        """What is waited for: one of `WAYS`, "" if it is not chosen yet."""
        return next(iter(self.ways), "")


class WaitFor(StepType[WaitForConfig]):
    """Hold until it happens."""

    kind = "wait_for"
    label = "Wait For"
    family = "wait"
    icon = "hourglass"
    keywords = ("Until event", "Time-out", "Goal", "Reply", "Click")
    wakes = True
    Config = WaitForConfig

    def sentence(self, config: WaitForConfig) -> str:
        """Say for what, and for how long."""
        words = _waited_for(config)
        if not words:
            return "Choose what to wait for"
        asked = config.where if isinstance(config.where, list) else [config.where]
        where = " and ".join(property_sentence(one) for one in asked if one)
        timeout = parse_duration(config.timeout).sentence() if config.timeout else "..."
        return f"Wait for {words}{f' where {where}' if where else ''}, at most {timeout}"

    def exits(self, config: WaitForConfig) -> dict[str, str]:
        """Go on when it happened, or when it did not."""
        return {"happened": NEXT, "timed_out": NEXT}

    def rules(self, config: WaitForConfig) -> dict[str, Rule]:
        """Return the filter."""
        return {"filter": config.filter} if config.filter else {}

    def unfit(self, rule: filters.Rule) -> list[tuple[str, str]]:
        """Refuse what turns true by time alone: nobody would ask again."""
        return [(path, by_time_text(path)) for path in _by_time(filters.write(rule))]

    def steps_named(self, config: WaitForConfig) -> dict[str, str]:
        """Return the step whose message is meant."""
        step = config.message.step if config.message is not None else ""
        return {"message.step": step} if step else {}

    def holds(self, config: WaitForConfig) -> bool:
        """Only what happens later holds: a filter may be true at once."""
        return config.way not in {"", "filter"}

    def problems(self, config: WaitForConfig, names: Names) -> list[StepProblem]:
        """Find what is not chosen, unknown names, segments that change by time alone."""
        found = []
        if not config.way:
            found.append(empty("", "Choose what to wait for."))
        if not config.timeout:
            found.append(empty("timeout", "Say how long to wait at most."))
        if config.event and names.event(config.event) is None:
            found.append(unknown("event", "event", config.event))
        for way in ("message", "sms"):
            chosen = getattr(config, way)
            if chosen is not None and not chosen.did:
                found.append(empty(f"{way}.did", "Choose what the contact does."))
        return [*found, *_filter_problems(config, names)]

    def compile(self, config: WaitForConfig, names: Names) -> dict[str, Any]:
        """Return the way, with ids for names, and the time-out."""
        event = names.event(config.event) if config.event else None
        timeout = parse_duration(config.timeout)
        asked = config.where if isinstance(config.where, list) else [config.where]
        trace = config.message or config.sms
        return {
            "way": config.way,
            "external_event_id": event.pk if event else None,
            "statuses": config.order.statuses if config.order else [],
            "did": trace.did if trace else "",
            "step": config.message.step if config.message else "",
            "where": [one for one in asked if one],
            "rule": resolved_rule(config.filter, names),
            "months": timeout.months,
            "days": timeout.days,
            "seconds": timeout.seconds,
            "zone": names.zone,
        }

    def hears(self, settings: Mapping[str, Any]) -> set[Heard]:
        """Return the facts that may be what is waited for."""
        way = settings["way"]
        if way == "filter":
            return filters.hears(settings["rule"])
        if way == "event":
            return {("external_event", settings["external_event_id"], None)}
        if way == "order":
            return {("order", None, None)}
        return {("delivery" if settings["did"] == "sent" else "receipt", None, None)}

    def execute(self, arrivals: Arrivals) -> None:
        """Release those for whom it has happened or who waited long enough; hold the others."""
        if arrivals.settings["way"] == "filter":
            ask(arrivals)
        else:
            look(arrivals)


def by_time_text(path: str) -> str:
    """Say why a rule cannot be waited for."""
    word = path.rpartition(".")[2]
    return f"“{word}” turns true by time alone: use a wait and a filter."


def _by_time(rule: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what turns true by time alone."""
    if isinstance(rule, list):
        for place, inner in enumerate(rule):
            yield from _by_time(inner, within(path, place))
    elif isinstance(rule, Mapping):
        for key, inner in rule.items():
            if key in BY_TIME:
                yield within(path, key)
            yield from _by_time(inner, within(path, key))


def _filter_problems(config: WaitForConfig, names: Names) -> list[StepProblem]:
    """Find unknown names, and segments whose rule turns true by time alone."""
    if not config.filter:
        return []
    found = rule_problems("filter", config.filter, names)
    if found:
        return found
    rule = resolved_rule(config.filter, names) or {}
    if not saved.asked_for(rule):
        return []
    try:
        paths = [path for leaf in saved.reach(rule) for path in _by_time(leaf)]
    except VanishedError as unsound:
        return [StepProblem("filter", "rule", f"The filter cannot be asked: {unsound.reason}.")]
    return [
        StepProblem("filter", "by_time", f"In a segment of this filter, {by_time_text(path)}")
        for path in paths[:1]
    ]


def _waited_for(config: WaitForConfig) -> str:
    if config.event:
        return config.event
    if config.order is not None:
        return f"an order {listed(config.order.statuses)}".strip()
    if config.message is not None and config.message.did:
        step = f" of step {config.message.step}" if config.message.step else ""
        return f"a message{step} {config.message.did}"
    if config.sms is not None and config.sms.did:
        return "a click in a text" if config.sms.did == "clicked" else "an answer to a text"
    return filters.sentence(filters.parse(config.filter)) if config.filter else ""


STEP = WaitFor()
