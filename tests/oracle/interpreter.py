"""
The ticks that move people through conversations.

What CONTRACT and page leave open is decided here, and both sides keep to it:

- A fact counts from when it has occurred and we have heard of it; the queue is in that order.
- A tick takes all facts that ask those inside again. They ask the enrollment that the tick
  found, once; where it found none, they are gone. A fact that might let somebody in and comes
  behind such a one of somebody inside stays for the next tick, and all of that person's after it.
- Why somebody is refused, of several reasons the first: not on list, expired, loop, already in
  (unless while_in is restart), entered before or lately, trigger filter.
- A conversation hears a fact if the version that is live then has a trigger of its kind (for its
  event or segment). Which triggers mean it, the version that is live at the tick says; a fact that
  none means (another field, an order of another status, too old) is none.
- Who was ended by hand is over; who was sent on by hand is asked first, like everybody whom a
  fact finds inside, whether that ends it.
- Two enrollments of one person that meet in one tick, one writing what the other reads, have no
  defined order: such a story is not told.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Conversation, Enrollment, Refusal, Step, Version
from tests.oracle.outcomes import End, Leave, Stay
from tests.oracle.people import Fact, Person
from tests.oracle.rules import Asked
from tests.oracle.steps import read_by_rule, run_step
from tests.oracle.things import Segment
from tests.oracle.timers import Timers, UndefinedOrderError
from tests.oracle.times import after, moment_of, span
from tests.oracle.waits import has_happened

MOST_VISITS = 100
DEEPEST = 10
# Facts that name the thread which somebody is sent into; its trigger is not asked.
SENT_IN = {"enroll", "by_hand"}
LEFT = {"unsubscribed", "stopped", "bounced"}


class Oracle(Timers):
    """An account with a clock that is told."""

    # --- values

    def zone(self, one: Enrollment, name: str | None = None) -> ZoneInfo:
        """Return the zone of a step: its own, else the conversation's, else the account's."""
        return self.zone_of(one.person, name or one.version.setting("time_zone", "account"))

    def read_field(self, one: Enrollment, name: str) -> Any:
        """Return a value of the profile, as a step reads it."""
        one.has_read.add(("field", one.conversation.in_list, name))
        return one.person.lists[one.conversation.in_list].profile.get(name)

    def write_field(self, one: Enrollment, name: str, value: Any, now: datetime) -> None:
        """Write a value, as a step does: it starts nothing."""
        one.has_written.add(("field", one.conversation.in_list, name))
        self.set_profile(
            one.person, one.conversation.in_list, now, {name: value}, roles={"watch"},
            depth=one.depth + 1, by=one,
        )  # fmt: skip

    def asks(self, one: Enrollment, rule: Any, now: datetime) -> bool:
        """Whether a rule holds for somebody inside."""
        read_by_rule(self, one, rule)
        return Asked(
            person=one.person,
            in_list=one.conversation.in_list,
            types=self.types,
            now=now,
            zone=str(self.zone(one)),
            segments=self.segments,
            account_zone=self.account_zone,
            entry=self.entry(one.fact, one.thread),
            arrivals={**one.latest, "entry": one.entered_at},
            title=one.conversation.name,
        ).rule(rule)

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

    # --- ticks

    def tick(self, now: datetime) -> None:
        """Move everybody whom this instant finds with something to do."""
        for pool in self.pools.values():
            pool.given = pool.missed = 0
        self.keep_segments(now)
        self.ring(now)
        going = [
            one
            for conversation in self.conversations.values()
            if not conversation.is_paused
            for one in conversation.enrollments
            if one.is_active and one.due_at is not None and one.due_at <= now
        ]
        due = set(map(id, going))
        woken: dict[int, set[str]] = {}
        entered: list[Enrollment] = []
        for conversation in self.conversations.values():
            if not conversation.is_paused:
                self._take_in(conversation, now, woken, entered)
        going += [
            one
            for conversation in self.conversations.values()
            for one in conversation.enrollments
            if id(one) in woken and id(one) not in due
        ]
        going = [one for one in [*going, *entered] if one.is_active]
        for one in going:
            one.has_read, one.has_written, one.visits_of_tick = set(), set(), 0
        for one in going:
            self._move(one, now, is_due=id(one) in due, facts=woken.get(id(one)))
        self._check_order(going)

    def is_still(self, now: datetime) -> bool:
        """Whether a tick at this instant would change nothing."""
        if self.segment_moves(now) or self.due_alarms(now):
            return False
        if any(self.is_to_make(call, now) for call in self.calls):
            return False
        for conversation in self.conversations.values():
            if conversation.is_paused:
                continue
            if any(fact.recorded_at <= now for fact in conversation.queue):
                return False
            for one in conversation.enrollments:
                if one.is_active and one.due_at is not None and one.due_at <= now:
                    return False
        return True

    def next_instant(self, now: datetime) -> datetime | None:
        """Return the next instant after now at which something is due, or None."""
        coming = [
            moment
            for conversation in self.conversations.values()
            if not conversation.is_paused
            for moment in [
                *(one.due_at for one in conversation.enrollments if one.is_active),
                *(fact.recorded_at for fact in conversation.queue),
            ]
            if moment is not None and moment > now
        ]
        alarms = [self.due(one) for one in self.alarms.values() if not one.conversation.is_paused]
        return min([*coming, *(moment for moment in alarms if moment > now)], default=None)

    def _take_in(
        self,
        conversation: Conversation,
        now: datetime,
        woken: dict[int, set[str]],
        entered: list[Enrollment],
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
            if fact.recorded_at <= now and self._is_meant_by_none(conversation, fact):
                continue
            if fact.recorded_at > now or person in waiting:
                left.append(fact)
            elif fact.role == "watch":
                if inside is not None:
                    woken.setdefault(id(inside), set()).add(fact.kind)
                    asked.add(person)
            elif person in asked:
                left.append(fact)
                waiting.add(person)
            else:
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

    def _move(
        self, one: Enrollment, now: datetime, *, is_due: bool, facts: set[str] | None
    ) -> None:
        """Bring one person to rest."""
        if one.told == "!end":
            # Who is held waits for nothing: the time is the marketer's.
            one.due_at = None if one.held else one.due_at
            one.leave("end", now, "by hand")
        elif facts and self._is_over(one, facts, now):
            return
        elif one.told:
            one.leave(one.told, now)
            is_due = False
        elif not is_due and facts and not self._is_asked_again(one, now):
            return
        if one.held and is_due:
            # Tried again by hand: its time never came.
            one.held, one.due_at, is_due = "", None, False
        self._run(one, now, is_due=is_due)

    def _run(self, one: Enrollment, now: datetime, *, is_due: bool) -> None:
        """Run step after step until somebody waits, is held or has ended."""
        while one.is_active:
            if one.visits_of_tick >= MOST_VISITS:
                one.held = "loop"
                return
            outcome = run_step(self, one, now, is_due=is_due)
            is_due = False
            if isinstance(outcome, Leave):
                one.leave(outcome.exit, now)
            elif isinstance(outcome, End):
                one.leave("end", now, outcome.reason)
            else:
                self._rest(one, outcome)
                return

    def _is_over(self, one: Enrollment, facts: set[str], now: datetime) -> bool:
        """Ask somebody inside again, who may be over."""
        reason = self._ending(one, facts, now)
        if reason:
            one.leave("end", now, reason)
        return bool(reason)

    def _rest(self, one: Enrollment, outcome: Any) -> None:
        """Let somebody wait until a time, or be held."""
        if isinstance(outcome, Stay):
            one.due_at = outcome.until
        else:
            one.held, one.due_at = outcome.reason, None

    def _is_asked_again(self, one: Enrollment, now: datetime) -> bool:
        """Whether a fact moves somebody who waits: only a wait for something hears of it."""
        step = one.here()
        return step.kind == "wait_for" and not one.held and has_happened(self, one, step, now)

    def _ending(self, one: Enrollment, facts: set[str], now: datetime) -> str:
        """Return why a fact ends an enrollment wherever it is."""
        if "deleted" in facts:
            return "contact deleted"
        if "address_changed" in facts:
            return "address changed"
        version = one.version
        if facts & LEFT and version.setting("on_unsubscribe") == "end":
            return "unsubscribed"
        for name, reason in (("goal", "goal"), ("exit_when", "exit rule")):
            rule = version.setting(name)
            if rule and self.asks(one, rule, now):
                return reason
        return ""

    def _check_order(self, moved: list[Enrollment]) -> None:
        """Refuse stories in which two enrollments of one person meet in one tick."""
        if any(pool.given and pool.missed for pool in self.pools.values()):
            raise UndefinedOrderError
        for one in moved:
            for other in moved:
                is_pair = one is not other and one.person is other.person
                if is_pair and one.has_written & (other.has_read | other.has_written):
                    raise UndefinedOrderError
        for conversation in self.conversations.values():
            by_action = [fact for fact in conversation.queue if fact.by is not None]
            for fact in by_action:
                if fact.role == "trigger" and any(
                    other.person is fact.person
                    and other.told_at == fact.told_at
                    and other.by is not fact.by
                    for other in by_action
                ):
                    raise UndefinedOrderError


__all__ = ["Oracle", "Segment", "UndefinedOrderError"]
