"""Who enters by which fact, and who is refused why."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Conversation, Enrollment, Refusal, Step, Version
from tests.oracle.people import Fact, Person
from tests.oracle.rules import Asked
from tests.oracle.timers import Timers
from tests.oracle.times import after, moment_of, span

DEEPEST = 10
# Facts that name the thread which somebody is sent into; its trigger is not asked.
SENT_IN = {"enroll", "by_hand"}


# Of which conversation, about whom, whether it lets in or asks those inside, its kind, when, of
# which order, or since when it was of interest.
Named = tuple[str, str, str, str, datetime, str]


@dataclass
class Cut:
    """
    What a tick takes up that has not room for all: the rest waits for the next.

    `claimed`: whose time has come, by conversation, person and entry; of the facts that are
    `queued` those that are `taken`, the oldest of each person first.
    """

    claimed: set[tuple[str, str, int]] = field(default_factory=set)
    queued: Counter[Named] = field(default_factory=Counter)
    taken: Counter[Named] = field(default_factory=Counter)

    def takes(self, conversation: Conversation, fact: Fact, *, is_none: bool) -> bool:
        """Whether a fact is taken up now; one that means nothing may never have been queued."""
        # One of several orders, or interests, may be too old to be heard of.
        of_order = fact.properties if (fact.role, fact.kind) == ("trigger", "order") else {}
        order = f"{of_order.get('order_number', '')} {of_order.get('status', '')}"
        about = fact.about or order
        name = (conversation.name, fact.person.name, fact.role, fact.kind, fact.recorded_at, about)
        self.queued[name] -= 1
        if is_none and self.queued[name] < 0:
            return True
        self.taken[name] -= 1
        return self.taken[name] >= 0


class Entering(Timers):
    """Facts that let people in."""

    def _take_in(
        self,
        conversation: Conversation,
        now: datetime,
        woken: dict[int, set[str]],
        entered: list[Enrollment],
        cut: Cut | None,
    ) -> None:
        """Take the facts of a conversation that count, each person's in order."""
        facts = sorted(conversation.queue, key=lambda fact: fact.recorded_at)
        left: list[Fact] = []
        found = {id(fact.person): conversation.active(fact.person) for fact in facts}
        # Of whom no more is taken up: each fact sees what the one before has made of them.
        asked: set[int] = set()
        waiting: set[int] = set()
        for fact in facts:
            person, inside = id(fact.person), found[id(fact.person)]
            is_none = self._is_meant_by_none(conversation, fact)
            is_behind = person in waiting or (person in asked and fact.role == "trigger")
            if fact.recorded_at <= now and is_behind and not is_none:
                left.append(fact)
                waiting.add(person)
            elif fact.recorded_at > now or not (
                cut is None or cut.takes(conversation, fact, is_none=is_none)
            ):
                left.append(fact)
            elif fact.role == "watch":
                if inside is not None:
                    woken.setdefault(id(inside), set()).add(fact.kind)
                    asked.add(person)
            elif not is_none:
                new = self._decide(conversation, fact, now)
                if new is not None:
                    entered.append(new)
                    waiting.add(person)
        conversation.queue = [fact for fact in conversation.queue if fact in left]

    def _decide(self, conversation: Conversation, fact: Fact, now: datetime) -> Enrollment | None:
        """Let somebody in by a fact, or keep why not."""
        meant = self._meant(conversation, fact)
        active = conversation.active(fact.person)
        trigger, reason = None, self._refusal(conversation, fact, active, now, is_open=bool(meant))
        if not reason:
            matching = (one for one in meant if self._matches(conversation, one, fact, now))
            trigger = next(matching, None)
        if trigger is None:
            reason = reason or "trigger filter"
            refusal = Refusal(fact.person.name, fact.kind, reason, now)
            conversation.refusals.append(refusal)
            return None
        if active is not None:
            active.leave("end", now, "restarted")
        return self._enter(conversation, trigger, fact, now)

    def _is_meant_by_none(self, conversation: Conversation, fact: Fact) -> bool:
        """Whether a fact is nobody's: nothing waits for what becomes of it."""
        is_asking = fact.role != "watch" and fact.kind not in SENT_IN
        return is_asking and not self._meant(conversation, fact)

    def _meant(self, conversation: Conversation, fact: Fact) -> list[Step]:
        """Return the triggers that take a fact, whatever their filters say."""
        zone = self.zone_of_ages(conversation)
        return [
            step for step in self._doors(conversation.live, fact) if self.means(step, fact, zone)
        ]

    def _doors(self, version: Version, fact: Fact) -> list[Step]:
        """Return the triggers that a fact is for."""
        if not fact.only:
            return version.triggers
        named = [version.steps[fact.only]] if fact.only in version.steps else []
        if fact.kind in SENT_IN:
            return named
        # Another version may have put another trigger in its place.
        as_any = replace(fact, only="")
        return [
            step
            for step in named
            if (fact.kind == "date" and "date" in step.config) or self.hears(step, as_any)
        ]

    def _refusal(
        self,
        conversation: Conversation,
        fact: Fact,
        active: Enrollment | None,
        now: datetime,
        *,
        is_open: bool,
    ) -> str:
        """Return why a fact lets nobody in, whatever its trigger's filter says."""
        version = conversation.live
        if conversation.in_list not in fact.person.lists:
            return "not on list"
        expires = version.setting("expires")
        if expires and moment_of(expires, ZoneInfo(self.account_zone)) <= now:
            return "expired"
        if not is_open:
            return "thread is gone"
        if fact.depth >= DEEPEST:
            return "loop"
        if active is not None and version.setting("while_in", "refuse") == "refuse":
            return "already in"
        return self._entered_before(conversation, fact.person, now)

    def _matches(self, conversation: Conversation, step: Step, fact: Fact, now: datetime) -> bool:
        rule = step.config.get("filter") if isinstance(step.config, dict) else None
        if not rule or fact.kind in SENT_IN:
            return True
        zone = self.zone_of(fact.person, conversation.live.setting("time_zone", "account"))
        return Asked(
            person=fact.person,
            in_list=conversation.in_list,
            types=self.types,
            now=now,
            zone=str(zone),
            segments=self.segments,
            account_zone=self.account_zone,
            entry=self.entry(fact, step.thread),
            arrivals={"entry": now, step.key: now},
            title=conversation.name,
        ).rule(rule)

    def _entered_before(self, conversation: Conversation, person: Person, now: datetime) -> str:
        """Return why somebody who entered before may not enter again."""
        past = conversation.of(person)
        reentry = conversation.live.setting("reentry", "once")
        if not past or reentry == "unlimited":
            return ""
        if reentry == "once":
            return "entered before"
        zone = self.zone_of(person, conversation.live.setting("time_zone", "account"))
        over = after(past[-1].entered_at, span(reentry["after"]), zone)
        return "" if over <= now else "entered lately"

    def _enter(
        self, conversation: Conversation, trigger: Step, fact: Fact, now: datetime
    ) -> Enrollment:
        number = len(conversation.of(fact.person)) + 1
        one = Enrollment(
            conversation,
            conversation.live,
            fact.person,
            number,
            fact,
            trigger.thread,
            fact.depth,
            now,
        )
        one.arrive(trigger.key, now)
        conversation.enrollments.append(one)
        return one

    def entry(self, fact: Fact, thread: str) -> dict[str, Any]:
        """Return how an enrollment began, as rules read it."""
        is_event = fact.kind in {"external_event", "back_in_stock", "price_drop", "low_stock"}
        event = fact.name if is_event else ""
        return {
            "event": event,
            "thread": thread,
            "method": fact.method,
            "properties": fact.properties,
        }
