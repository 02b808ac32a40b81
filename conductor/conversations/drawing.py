"""A conversation as the builder draws it: threads, cards, what is wrong, who is where."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from django.utils.text import slugify

from conductor.conversations.document import Document, StepNode, ThreadNode
from conductor.conversations.graph import Exits, resolved_exits
from conductor.conversations.problems import Problem
from conductor.conversations.summary import StepCounts, Summary

# What a list's facts are called where a thread begins with them.
HEARD = {
    "subscribed": "When somebody subscribes to the list",
    "resubscribed": "When somebody subscribes to the list again",
    "profile_updated": "When a profile is updated",
    "address_changed": "When an address changes",
}
# What each kind's numbers are called: (number's name, word).
OUT = {"past": "past", "no_date": "without a date", "otherwise": "out", "match": "sent on"}


@dataclass(frozen=True)
class Number:
    """A quiet number on a card: `88 waiting`."""

    count: int
    word: str


@dataclass(frozen=True)
class Exit:
    """
    Another way out of a step; `target` is a step key, "" where the conversation ends.

    `thread` is the target's thread as addresses have it, "" where it is the step's own.
    """

    name: str
    label: str
    target: str
    title: str
    thread: str = ""


@dataclass(frozen=True)
class Origin:
    """A step that leads into a thread which nothing else begins."""

    key: str
    thread: str
    title: str


@dataclass
class Card:
    """One step on the canvas."""

    step: StepNode
    text: str
    numbers: list[Number] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    may_follow: bool = True

    @property
    def is_end(self) -> bool:
        """Whether it is drawn as a pill: a thread's trigger or end."""
        return self.step.kind in {"trigger", "terminate"}


@dataclass(frozen=True)
class ThreadTab:
    """A thread among the tabs."""

    name: str
    slug: str
    problem_count: int


def thread_slugs(document: Document) -> dict[str, str]:
    """Return each thread's word in addresses, in order: {slug: thread name}."""
    found: dict[str, str] = {}
    for thread in document.threads:
        base = slugify(thread.name) or "thread"
        slug, number = base, 1
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found[slug] = thread.name
    return found


def slug_of(document: Document, name: str) -> str:
    """Return a thread's word in addresses."""
    return next(slug for slug, thread in thread_slugs(document).items() if thread == name)


def thread_tabs(document: Document, problems: Iterable[Problem]) -> list[ThreadTab]:
    """Return the tabs, with how many problems each thread has."""
    counts: dict[str, int] = defaultdict(int)
    for problem in problems:
        counts[problem.thread] += 1
    return [ThreadTab(name, slug, counts[name]) for slug, name in thread_slugs(document).items()]


def cards(
    document: Document,
    thread: ThreadNode,
    *,
    problems: Iterable[Problem] = (),
    warnings: Iterable[Problem] = (),
    summary: Summary | None = None,
) -> list[Card]:
    """Return a thread's cards from top to bottom."""
    wrong, odd = _by_step(problems), _by_step(warnings)
    counts = summary.by_step if summary else {}
    went = None if summary is None or summary.is_counting else by_state(summary)
    leads = resolved_exits(document)
    steps = document.steps()
    elsewhere = {key: names for key, names in _threads(document).items() if names[1] != thread.name}
    drawn = []
    for place, step in enumerate(thread.steps):
        last = place == len(thread.steps) - 1
        drawn.append(
            Card(
                step=step,
                text=card_text(step, steps),
                numbers=numbers_of(step, counts.get(step.key), went),
                problems=wrong.get(step.key, []),
                warnings=odd.get(step.key, []),
                exits=[
                    _placed(found, steps, elsewhere)
                    for found in _exits(step, leads[step.key], thread, place, steps)
                ],
                origins=origins(document, step, leads),
                may_follow=not (last and step.kind == "terminate"),
            )
        )
    return drawn


def card_text(step: StepNode, steps: dict[str, StepNode]) -> str:
    """Say what a step does, in the marketer's words; its own name comes first."""
    if step.name:
        return step.name
    if step.kind == "trigger" and step.config.list_ in HEARD and not step.config.fields:
        return HEARD[step.config.list_]
    if step.kind == "trigger" and step.config.none and not step.config.filter:
        return "From another thread"
    if step.kind == "trigger":
        heard = step.config.event_names or step.config.list_ or step.config.import_
        return f"{'When ' if heard else ''}{step.type.sentence(step.config)}"
    if step.kind == "terminate":
        return "Ends, goal reached" if step.config.goal else "Ends"
    if step.kind == "go_to" and step.config.to in steps:
        return f"Go to “{step_title(steps[step.config.to])}”"
    sentence: str = step.type.sentence(step.config)
    return sentence[:1].upper() + sentence[1:]


def step_title(step: StepNode) -> str:
    """Name a step where others speak of it."""
    return step.name or step.type.sentence(step.config)


def numbers_of(
    step: StepNode, counts: StepCounts | None, went: Mapping[tuple[str, str], int] | None
) -> list[Number]:
    """Return a step's live numbers; `went` are its deliveries, None before they were counted."""
    if counts is None:
        return []
    out = [Number(counts.exits[name], word) for name, word in OUT.items() if counts.exits.get(name)]
    if step.kind == "trigger":
        return [Number(counts.arrivals, "entered")]
    if step.kind == "terminate":
        return [Number(counts.arrivals, "ended here")]
    if step.kind == "filter":
        return [Number(counts.exits.get("next", 0), "on"), *out]
    if step.kind == "wait" or counts.waiting:
        return [Number(counts.waiting, "waiting"), *out]
    reached = Number(counts.arrivals, "reached this step")
    if step.type.family == "message" and went is not None:
        skipped = went.get((step.key, "skipped"), 0)
        return [
            Number(went.get((step.key, "sent"), 0), "sent"),
            *([Number(skipped, "skipped")] if skipped else []),
            reached,
        ]
    return [reached, *out]


def by_state(summary: Summary) -> Mapping[tuple[str, str], int]:
    """Count the deliveries by step and state."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for row in summary.deliveries:
        found[row.step_key, row.state] += row.count
    return found


def exit_words(step: StepNode) -> dict[str, str]:
    """Name a step's exits in the marketer's words."""
    return {name: name.replace("_", " ") for name in step.type.exits(step.config)}


def origins(document: Document, step: StepNode, leads: Exits) -> list[Origin]:
    """Return what leads into a thread that begins with `step`, if only Go Tos do."""
    if step.kind != "trigger" or not step.config.none:
        return []
    slugs = {name: slug for slug, name in thread_slugs(document).items()}
    return [
        Origin(found.key, slugs[thread.name], f"{thread.name}, {way}")
        for _, thread, found in document.places()
        for name, target in leads[found.key].items()
        if target == step.key
        for way in [found.type.label if found.kind == "go_to" else name.replace("_", " ")]
    ]


def _threads(document: Document) -> dict[str, tuple[str, str]]:
    """Return where each step stands: {key: (thread's word in addresses, its name)}."""
    slugs = {name: slug for slug, name in thread_slugs(document).items()}
    return {
        step.key: (slugs[thread.name], thread.name)
        for thread in document.threads
        for step in thread.steps
    }


def _placed(
    found: Exit, steps: Mapping[str, StepNode], elsewhere: Mapping[str, tuple[str, str]]
) -> Exit:
    """Name the thread of a target that stands in another one."""
    if found.target not in elsewhere:
        return found
    slug, name = elsewhere[found.target]
    begins = steps[found.target].kind == "trigger"
    title = f"thread “{name}”" if begins else f"{name}, {found.title}"
    return replace(found, thread=slug, title=title)


def _exits(
    step: StepNode,
    leads: dict[str, str | None],
    thread: ThreadNode,
    place: int,
    steps: dict[str, StepNode],
) -> list[Exit]:
    """Return the ways out that do not lead straight down; of a decision, all of them."""
    decides = step.kind in {"if", "split"} and len(leads) > 1
    below = thread.steps[place + 1].key if place + 1 < len(thread.steps) else None
    found = []
    for name, target in leads.items():
        if not decides and (target == below or (name == "next" and target is None)):
            continue
        if target is None and getattr(step.config, "to", None) == "":
            continue  # a go-to whose target is still to be chosen: its problem says so
        title = "ends" if target is None else "a step that is not there"
        if target is not None and target == below:
            title = "goes on"
        elif target in steps:
            title = card_text(steps[target], steps)
        found.append(Exit(name, name.replace("_", " "), target or "", title))
    return found


def _by_step(problems: Iterable[Problem]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        found[problem.step].append(problem.text)
    return found
