"""
The conversation file as a value: parsed from structure, written back canonically.

`parse_document` tells what is malformed, every fault with its path; what a well-formed
document lacks is told elsewhere (`problems.py`), with the list's names at hand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from conductor.conversations.faults import read_part
from conductor.conversations.reading import Fault, MalformedConversationError, step_path
from conductor.steps import (
    KEY_PATTERN,
    DurationText,
    MomentText,
    NameText,
    Rule,
    StepConfig,
    StepType,
    ZoneText,
    shape,
    step_types,
)
from contacts import filters

MOST_THREADS = 50
MOST_STEPS = 500

# A name has no blank at its ends and no two in a row, as all names are stored.
Name = Annotated[str, StringConstraints(max_length=120, pattern=r"^\S+(?: \S+)*$")]


REENTRY = "This is once, unlimited or {after: duration}."


class Reentry(StepConfig):
    """May enter again a while after the last entry."""

    after: DurationText


class MessageContent(StepConfig):
    """A saved message that the file brings along."""

    saved_message: Name
    subject: NameText = ""
    preheader: NameText = ""
    from_name: NameText = ""
    from_email: NameText = ""
    reply_to: NameText = ""
    html: str = ""
    mjml: str = ""
    text: str = ""


class SmsContent(StepConfig):
    """A text message that the file brings along."""

    sms_message: Name
    text: Annotated[str, StringConstraints(min_length=1, max_length=1600)]
    media_url: Annotated[str, StringConstraints(max_length=500, pattern=r"^(?:https?://\S+)?$")] = (
        ""
    )


class FieldContent(StepConfig):
    """A profile field that the file brings along."""

    field: Annotated[str, StringConstraints(max_length=201, pattern=r"^[^.\s][^.]*\.[^\s].*$")]
    type: Literal[
        "Text", "Numeric", "RadioButton", "CheckBox", "CommentArea", "Date", "ContentBlock"
    ]


class Heading(StepConfig):
    """All of a file but its threads' steps, in the page's order."""

    conversation: Name
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    list_: Annotated[str, StringConstraints(max_length=120)] = Field("", alias="list")
    campaign: NameText = ""
    reentry: Annotated[
        Annotated[Literal["once", "unlimited"], Tag("literal")]
        | Annotated[Reentry, Tag("mapping")],
        Discriminator(shape, custom_error_type="shape", custom_error_message=REENTRY),
    ] = "once"
    while_in: Literal["refuse", "restart"] = "refuse"
    time_zone: ZoneText = "account"
    expires: MomentText = ""
    on_unsubscribe: Literal["continue", "end"] = "continue"
    exit_when: Rule = Field(default_factory=dict)
    goal: Rule = Field(default_factory=dict)
    threads: list[Any] = Field(default_factory=list, max_length=MOST_THREADS)
    messages: list[MessageContent] = Field(default_factory=list)
    sms_messages: list[SmsContent] = Field(default_factory=list)
    fields: list[FieldContent] = Field(default_factory=list)
    events: list[Annotated[str, StringConstraints(max_length=100, min_length=1)]] = Field(
        default_factory=list
    )

    def rules(self) -> dict[str, Rule]:
        """Return the rules that are given, by their setting."""
        given = {"exit_when": self.exit_when, "goal": self.goal}
        return {name: rule for name, rule in given.items() if rule}


class ThreadHeading(StepConfig):
    """A thread without its steps."""

    thread: Name
    steps: list[Any] = Field(default_factory=list)


class StepHeading(StepConfig):
    """What every step has."""

    key: Annotated[str, StringConstraints(pattern=rf"^{KEY_PATTERN}$")]
    name: Annotated[str, StringConstraints(max_length=120)] = ""
    exits: dict[str, Annotated[str, StringConstraints(pattern=rf"^{KEY_PATTERN}$")]] = Field(
        default_factory=dict
    )


@dataclass(frozen=True)
class StepNode:
    """A step as drawn; `exits` are the redirected ones: {exit: step key}."""

    key: str
    name: str
    type: StepType[Any]
    config: Any
    exits: dict[str, str]

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self.type.kind

    @property
    def docs(self) -> str:
        """What the builder says of such a step."""
        return self.type.docs(self.config)

    def write(self) -> dict[str, Any]:
        """Return the step as a file has it."""
        order = list(self.type.exits(self.config))
        written: dict[str, Any] = {"key": self.key}
        if self.name:
            written["name"] = self.name
        written[self.kind] = self.config.write()
        if self.exits:
            places = {name: place for place, name in enumerate(order)}
            names = sorted(self.exits, key=lambda name: (places.get(name, len(order)), name))
            written["exits"] = {name: self.exits[name] for name in names}
        return written


@dataclass(frozen=True)
class ThreadNode:
    """A thread as drawn."""

    name: str
    steps: list[StepNode]


@dataclass(frozen=True)
class Document:
    """A conversation as drawn."""

    heading: Heading
    threads: list[ThreadNode] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The conversation's name."""
        return self.heading.conversation

    def places(self) -> Iterator[tuple[str, ThreadNode, StepNode]]:
        """Yield every step with its path and thread, in file order."""
        for number, thread in enumerate(self.threads):
            for place, step in enumerate(thread.steps):
                yield f"threads[{number}].steps[{place}]", thread, step

    def steps(self) -> dict[str, StepNode]:
        """Return the steps by key, in file order."""
        return {step.key: step for _, _, step in self.places()}

    def write(self) -> dict[str, Any]:
        """Return the structure: keys in the page's order, defaults left out."""
        written = self.heading.write()
        threads = [
            {"thread": thread.name, "steps": [step.write() for step in thread.steps]}
            for thread in self.threads
        ]
        fields = type(self.heading).model_fields.items()
        order = [info.alias or name for name, info in fields]
        written["threads"] = threads
        return {name: written[name] for name in order if name in written}


def parse_document(structure: Any) -> Document:
    """
    Read a document from plain structure.

    :raises MalformedConversationError: with every fault and its path.
    """
    faults: list[Fault] = []
    if not isinstance(structure, dict):
        raise MalformedConversationError([Fault("", "A conversation file is a mapping.")])
    heading = read_part(Heading, structure, "", faults)
    if heading is not None:
        heading = heading.model_copy(update=_canonical(heading.rules(), "", faults))
    threads = _threads(structure.get("threads"), faults)
    faults += _repetitions(threads, heading)
    if heading is None or faults:
        raise MalformedConversationError(_unique(faults))
    return Document(heading.model_copy(update={"threads": []}), threads)


def parse_step(structure: Any, path: str = "") -> StepNode:
    """
    Read one step from plain structure.

    :raises MalformedConversationError: with every fault and its path.
    """
    faults: list[Fault] = []
    step = _step(structure, path, faults)
    if step is None or faults:
        raise MalformedConversationError(_unique(faults))
    return step


def _threads(written: Any, faults: list[Fault]) -> list[ThreadNode]:
    threads = []
    for number, structure in enumerate(written if isinstance(written, list) else []):
        path = f"threads[{number}]"
        heading = read_part(ThreadHeading, structure, path, faults)
        steps = structure.get("steps") if isinstance(structure, dict) else None
        found = [
            _step(step, f"{path}.steps[{place}]", faults)
            for place, step in enumerate(steps if isinstance(steps, list) else [])
        ]
        name = heading.thread if heading else ""
        threads.append(ThreadNode(name, [step for step in found if step is not None]))
    return threads


def _step(structure: Any, path: str, faults: list[Fault]) -> StepNode | None:
    if not isinstance(structure, dict):
        faults.append(Fault(path, "A step is a mapping with a key and exactly one kind."))
        return None
    common = {key: structure[key] for key in ("key", "name", "exits") if key in structure}
    heading = read_part(StepHeading, common, path, faults)
    kind = _kind(structure, path, faults)
    if kind is None:
        return None
    config = read_part(kind.Config, structure[kind.kind], step_path(path, kind.kind), faults)
    if config is None:
        return None
    config = _with_canonical_rules(kind, config, step_path(path, kind.kind), faults)
    if heading is None:
        return None
    for exit_name in sorted(heading.exits.keys() - kind.exit_names(config)):
        names = ", ".join(kind.exits(config)) or "none"
        text = f"{kind.label} has no exit “{exit_name}”; its exits: {names}."
        faults.append(Fault(f"{path}.exits.{exit_name}", text))
    return StepNode(heading.key, heading.name, kind, config, heading.exits)


def _with_canonical_rules(kind: StepType[Any], config: Any, path: str, faults: list[Fault]) -> Any:
    """Check the rules among the settings and put their keys in order."""
    return kind.with_rules(config, _canonical(kind.rules(config), path, faults, kind.unfit))


def _canonical(
    rules: dict[str, Rule],
    path: str,
    faults: list[Fault],
    unfit: Callable[[filters.Rule], list[tuple[str, str]]] = lambda _: [],
) -> dict[str, Rule]:
    """Check rules by their place below a path; return them with their keys in order."""
    canonical = {}
    for within, rule in rules.items():
        whole = step_path(path, within) if within else path
        try:
            parsed = filters.parse(rule, whole)
        except filters.Malformed as malformed:
            faults += [Fault(place, text) for place, text in malformed.faults]
        else:
            faults += [Fault(step_path(whole, inner), text) for inner, text in unfit(parsed)]
            canonical[within] = filters.write(parsed)
    return canonical


def _kind(structure: dict[str, Any], path: str, faults: list[Fault]) -> StepType[Any] | None:
    """Return the step's only kind; tell keys that are none."""
    types = step_types()
    names = [name for name in structure if name not in {"key", "name", "exits"}]
    for name in names:
        if name not in types:
            text = f"Unknown kind or key; the kinds are {', '.join(sorted(types))}."
            faults.append(Fault(step_path(path, name), text))
    kinds = [types[name] for name in names if name in types]
    if len(kinds) != 1 and not (names and not kinds):
        faults.append(Fault(path, "A step has exactly one kind."))
    return kinds[0] if len(kinds) == 1 else None


def _repetitions(threads: list[ThreadNode], heading: Heading | None) -> Iterator[Fault]:
    """Find keys and names that stand twice, and too many steps."""
    steps: dict[str, str] = {}
    names: dict[str, str] = {}
    document = Document(heading or Heading.read({"conversation": "x"}), threads)
    for number, thread in enumerate(threads):
        first = names.setdefault(thread.name, f"threads[{number}]")
        if thread.name and first != f"threads[{number}]":
            text = f"There is a thread “{thread.name}” already, at {first}."
            yield Fault(f"threads[{number}].thread", text)
    for path, _, step in document.places():
        first = steps.setdefault(step.key, path)
        if first != path:
            yield Fault(f"{path}.key", f"The key “{step.key}” is in use already, at {first}.")
    if len(list(document.places())) > MOST_STEPS:
        yield Fault("threads", f"A conversation has at most {MOST_STEPS} steps.")
    if heading is not None:
        yield from _content_repetitions(heading)


def _content_repetitions(heading: Heading) -> Iterator[Fault]:
    sections = {
        "messages": [entry.saved_message for entry in heading.messages],
        "sms_messages": [entry.sms_message for entry in heading.sms_messages],
        "fields": [entry.field.lower() for entry in heading.fields],
        "events": heading.events,
    }
    for section, names in sections.items():
        for place, name in enumerate(names):
            if name in names[:place]:
                yield Fault(f"{section}[{place}]", f"“{name}” stands here twice.")
    for place, entry in enumerate(heading.messages):
        if entry.html and entry.mjml:
            yield Fault(f"messages[{place}]", "A message has either html or mjml.")


def _unique(faults: list[Fault]) -> list[Fault]:
    """Keep the first fault of each path: a union tells one for each of its branches."""
    found: dict[str, Fault] = {}
    for fault in faults:
        found.setdefault(fault.path, fault)
    return list(found.values())
