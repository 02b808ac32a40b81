"""Who hears of what happens: the facts that conversations queue, and what triggers take of them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Conversation, Step
from tests.oracle.people import Fact, Person
from tests.oracle.permission import Rules
from tests.oracle.things import Call, Pool, Segment
from tests.oracle.times import after, span

WATCH, TRIGGER = {"watch"}, {"trigger"}
BOTH = WATCH | TRIGGER


class Hearing:
    """An account's people and conversations."""

    def __init__(self, *, zone: str, types: dict[str, str]) -> None:
        self.account_zone, self.types = zone, types
        self.people: dict[str, Person] = {}
        self.conversations: dict[str, Conversation] = {}
        self.segments: dict[str, Segment] = {}
        self.phones: dict[str, str] = {}
        # Addresses that bounced, by the list that they are written to from no more.
        self.suppressed: set[tuple[str, str]] = set()
        self.rules = Rules()
        self.pools: dict[str, Pool] = {}
        self.calls: list[Call] = []
        self.products: dict[str, dict[str, Any]] = {}

    def tell(
        self,
        kind: str,
        person: Person,
        in_list: str,
        now: datetime,
        *,
        roles: set[str] = BOTH,
        occurred_at: datetime | None = None,
        **more: Any,
    ) -> None:
        """Queue a fact for the conversations of its list: those inside are asked first."""
        person.touched_depth = max(person.touched_depth, more.get("depth", 0))
        # It counts from when both have come: its own time and ours.
        occurred_at = occurred_at or now
        counts_from = max(now, occurred_at)
        for conversation in self.conversations.values():
            if conversation.in_list != in_list or not conversation.versions:
                continue
            fact = Fact(kind, person, in_list, counts_from, occurred_at, told_at=now, **more)
            if "watch" in roles and in_list in person.lists:
                conversation.queue += [fact.for_watching() for _ in range(conversation.wakes(fact))]
            if "trigger" in roles and any(
                self.hears(step, fact) for step in conversation.live.triggers
            ):
                conversation.queue.append(fact)

    def hears(self, step: Step, fact: Fact) -> bool:
        """Whether a trigger listens to facts of this kind, for this event or segment."""
        if fact.only:
            return step.key == fact.only
        kind = next(key for key in step.config if key != "filter")
        wanted = step.config[kind]
        if kind == "external_event":
            names = wanted if isinstance(wanted, list) else [wanted]
            return fact.kind == kind and fact.name in names
        if kind == "list":
            return bool(fact.kind == wanted)
        if kind == "segment":
            return fact.kind == f"segment_{wanted['on']}" and fact.name == wanted["name"]
        if kind == "product":
            return fact.kind in wanted and fact.name == wanted[fact.kind]["event"]
        return kind in {"order", "import"} and fact.kind == kind

    def means(self, step: Step, fact: Fact, zone: ZoneInfo) -> bool:
        """Whether a trigger takes a fact: it hears it, and it is what it is narrowed to."""
        if fact.only or not self.hears(step, fact):
            return self.hears(step, fact)
        if fact.kind == "order":
            return self._means_order(step.config["order"], fact, zone)
        narrowed = set(step.config.get("fields") or fact.fields)
        return not fact.fields or bool(narrowed & fact.fields)

    def _means_order(self, config: dict[str, Any], fact: Fact, zone: ZoneInfo) -> bool:
        statuses = config.get("status") or [fact.name]
        statuses = statuses if isinstance(statuses, list) else [statuses]
        oldest = span(f"-{config.get('max_age') or 'P2D'}")
        since = after(fact.told_at, oldest, zone)
        return fact.name in statuses and fact.occurred_at >= since

    def zone_of_ages(self, conversation: Conversation) -> ZoneInfo:
        """Return where the ages of orders and of interest are counted: no contact's own zone."""
        zone = conversation.live.setting("time_zone", "account")
        return ZoneInfo(self.account_zone if zone in {"account", "contact"} else zone)
