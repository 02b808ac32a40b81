"""A conversation as its file says it: steps by key, where every exit leads, what is heard."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.oracle.people import Fact, Person
from tests.oracle.rules import heard, heard_of_message, leaves

KINDS = {
    "trigger", "filter", "if", "split", "go_to", "wait", "wait_for", "message",
    "mobile_message", "action", "webhook", "code", "terminate",
}  # fmt: skip


# Those inside are asked again at every fact.
WHATEVER = ("any", "")


@dataclass
class Step:
    """A step, and the step that follows it in its thread ("" at the end)."""

    key: str
    thread: str
    kind: str
    config: Any
    exits: dict[str, str]
    following: str

    def target(self, exit_name: str) -> str:
        """Return where an exit leads; "" ends the enrollment."""
        if exit_name in self.exits:
            return self.exits[exit_name]
        if self.kind == "go_to" and exit_name == "match":
            return str(self.config["to"])
        if self.kind == "terminate" or exit_name in {"otherwise", "no_date"}:
            # A branch or a group may bear such a name; only a filter and a wait end by it.
            return "" if self.kind in {"terminate", "filter", "wait"} else self.following
        return self.following

    def exit_names(self) -> list[str]:
        """Return the exits that it has."""
        if self.kind == "if":
            return [*(branch["name"] for branch in self.config["branches"]), "else"]
        if self.kind == "split":
            return [group["name"] for group in self.config["groups"]]
        if self.kind == "wait":
            by_date = {"until_field", "until_parts"} & set(self.config)
            past = by_date or "until" in self.config
            return ["next", *(["past"] if past else []), *(["no_date"] if by_date else [])]
        if self.kind == "action" and "set_coupon" in self.config:
            return ["next", "no_code"]
        if self.kind == "code":
            return list(dict.fromkeys(["next", *self.config.get("exits", []), "failed"]))
        if self.kind == "go_to":
            return ["match", "next"] if self.config.get("filter") else ["match"]
        return {
            "filter": ["next", "otherwise"],
            "wait_for": ["happened", "timed_out"],
            "webhook": ["next", "failed"],
            "terminate": [],
        }.get(self.kind, ["next"])

    def surely_holds(self) -> bool:
        """Whether everybody stays for a time: a wait for a duration, a wait for an event."""
        if self.kind == "wait":
            return "for" in self.config
        return self.kind == "wait_for" and "filter" not in self.config


class Version:
    """One published file."""

    def __init__(self, structure: dict[str, Any], segments: Any) -> None:
        self.structure = structure
        self.steps: dict[str, Step] = {}
        for thread in structure["threads"]:
            written = thread["steps"]
            for place, step in enumerate(written):
                kind = next(key for key in step if key in KINDS)
                after = written[place + 1]["key"] if place + 1 < len(written) else ""
                self.steps[step["key"]] = Step(
                    step["key"], thread["thread"], kind, step[kind], step.get("exits", {}), after
                )
        self.triggers = [
            step
            for step in self.steps.values()
            if step.kind == "trigger" and step.config != "none" and "none" not in step.config
        ]
        self.watches = self._watches(segments)

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting of the top level."""
        return self.structure.get(name, default)

    def _watches(self, segments: Any) -> set[tuple[str, str]]:
        """Return the facts (kind, name) at which those inside are asked again."""
        found = {("address_changed", ""), ("deleted", "")}
        if self.setting("on_unsubscribe") == "end":
            found |= {("unsubscribed", ""), ("stopped", ""), ("bounced", "")}
        if self.setting("exit_when") or self.setting("goal"):
            found.add(WHATEVER)
        for step in self.steps.values():
            if step.kind == "wait_for":
                found |= waited_for(step.config, segments)
        return {WHATEVER} if WHATEVER in found else found

    def has_loop_without_wait(self) -> bool:
        """Whether somebody could go round without being held for a time."""
        leads = {
            key: {step.target(name) for name in step.exit_names()} - {""}
            for key, step in self.steps.items()
            if not step.surely_holds()
        }

        def reaches(start: str, seen: set[str]) -> bool:
            for target in leads.get(start, ()):
                if target in goals or (target not in seen and reaches(target, seen | {target})):
                    return True
            return False

        for key in leads:
            goals = {key}
            if reaches(key, set()):
                return True
        return False


def waited_for(config: dict[str, Any], segments: Any) -> set[tuple[str, str]]:
    """Return what a wait for something hears."""
    if "event" in config:
        return {("external_event", config["event"])}
    if "order" in config:
        return {("order", "")}
    if "message" in config or "sms" in config:
        return heard_of_message(config.get("message") or config["sms"])
    rule = config.get("filter")
    if any(
        "segment" in leaf and segments[leaf["segment"]].rule is not None for leaf in leaves(rule)
    ):
        # Somebody may change the segment's rule meanwhile.
        return {WHATEVER}
    return heard(rule, segments)


@dataclass
class Visit:
    """One stay at one step."""

    step: str
    number: int
    arrived_at: datetime
    due_at: datetime | None
    left_at: datetime
    exit: str


@dataclass
class Delivery:
    """A message, or why there is none."""

    step: str
    visit: int
    channel: str
    state: str
    reason: str
    address: str
    queued_at: datetime
    not_before: datetime | None = None
    is_transactional: bool = True
    sent_at: datetime | None = None

    def take_back(self, reason: str) -> None:
        """Skip what has not gone."""
        self.state, self.reason, self.not_before = "skipped", reason, None


@dataclass(eq=False)
class Enrollment:
    """A person's way through a version."""

    conversation: "Conversation"
    version: Version
    person: Person
    number: int
    fact: Fact
    thread: str
    depth: int
    entered_at: datetime
    step: str = ""
    visit: int = 0
    arrived_at: datetime | None = None
    due_at: datetime | None = None
    held: str = ""
    ended_at: datetime | None = None
    reason: str = ""
    visits: list[Visit] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    latest: dict[str, datetime] = field(default_factory=dict)
    # What this tick's steps read and wrote, to tell stories without a defined order.
    has_read: set[tuple[str, ...]] = field(default_factory=set)
    has_written: set[tuple[str, ...]] = field(default_factory=set)
    visits_of_tick: int = 0
    # What is decided: "!end" or the exit to leave by, by hand; "!gone" of who was erased.
    told: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """Which conversation, who, for the n-th time."""
        return (self.conversation.name, self.person.name, self.number)

    @property
    def is_active(self) -> bool:
        """Whether the person is inside."""
        return self.ended_at is None

    def here(self) -> Step:
        """Return the step where the person is."""
        return self.version.steps[self.step]

    def arrive(self, key: str, now: datetime) -> None:
        """Come to a step."""
        self.counts[key] = self.counts.get(key, 0) + 1
        self.step, self.visit = key, self.counts[key]
        self.arrived_at, self.due_at, self.held = now, None, ""
        self.latest[key] = now

    def leave(self, exit_name: str, now: datetime, reason: str = "") -> None:
        """Leave the step; with a reason or to nowhere the enrollment is over."""
        assert self.arrived_at is not None
        # Who is held waits for nothing: the time is that of whoever had it tried again.
        due_at = None if self.held else self.due_at
        self.visits.append(Visit(self.step, self.visit, self.arrived_at, due_at, now, exit_name))
        self.visits_of_tick += 1
        target = "" if reason else self.here().target(exit_name)
        self.due_at, self.held, self.told = None, "", ""
        if target:
            self.arrive(target, now)
        else:
            self.ended_at, self.reason = now, reason or exit_name


@dataclass
class Refusal:
    """A fact that let nobody in."""

    person: str
    kind: str
    reason: str
    refused_at: datetime


@dataclass(eq=False)
class Conversation:
    """A conversation with all that became of it."""

    name: str
    in_list: str
    id: int = 0
    versions: list[Version] = field(default_factory=list)
    watched: list[Version] = field(default_factory=list)
    is_paused: bool = False
    queue: list[Fact] = field(default_factory=list)
    enrollments: list[Enrollment] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def live(self) -> Version:
        """Return the version that new people enter."""
        return self.versions[-1]

    def of(self, person: Person) -> "list[Enrollment]":
        """Return a person's enrollments, oldest first."""
        return [one for one in self.enrollments if one.person is person]

    def active(self, person: Person) -> Enrollment | None:
        """Return a person's enrollment under way."""
        return next((one for one in self.of(person) if one.is_active), None)

    def publish(self, structure: dict[str, Any], segments: Any) -> None:
        """Put a file live; those inside finish on theirs."""
        self.versions.append(Version(structure, segments))
        inside = [one.version for one in self.enrollments if one.is_active]
        self.watched = [one for one in self.versions[:-1] if one in inside] + [self.live]

    def wakes(self, fact: Fact) -> int:
        """
        Say how often those inside are asked again at a fact: for itself, and for being one.

        Twice does no harm; it is once unless an older version asks for more than the live one.
        """
        watches = set[tuple[str, str]]().union(*(version.watches for version in self.watched))
        if WHATEVER in self.live.watches:
            return 1
        return bool({(fact.kind, ""), (fact.kind, fact.name)} & watches) + (WHATEVER in watches)
