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
- Who was ended by hand, or erased, is over, whatever the tick came upon them for; who was sent
  on by hand is asked first, like everybody whom a fact finds inside, whether that ends it.
- A tick with too little room takes up some of those whose time has come and some facts, of each
  person the oldest first (`Cut`); whatever it leaves is there for the next.
- Two enrollments of one person that meet in one tick, one writing what the other reads, have no
  defined order: such a story is not told.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Enrollment
from tests.oracle.entering import Cut, Entering
from tests.oracle.outcomes import End, Leave, Stay
from tests.oracle.rules import Asked
from tests.oracle.steps import read_by_rule, run_step
from tests.oracle.things import Segment
from tests.oracle.timers import UndefinedOrderError
from tests.oracle.waits import has_happened

MOST_VISITS = 100
LEFT = {"unsubscribed", "stopped", "bounced"}
# What is decided, whatever comes.
OVER = {"!end": "by hand", "!gone": "contact deleted"}


class Oracle(Entering):
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

    # --- ticks

    def tick(self, now: datetime, cut: Cut | None = None) -> None:
        """Move everybody whom this instant finds with something to do, or those of a cut."""
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
            if cut is None or one.key in cut.claimed
        ]
        due = set(map(id, going))
        woken: dict[int, set[str]] = {}
        entered: list[Enrollment] = []
        for conversation in self.conversations.values():
            if not conversation.is_paused:
                self._take_in(conversation, now, woken, entered, cut)
        assert cut is None or not +cut.taken, f"facts are taken up that have to wait: {+cut.taken}"
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

    def _move(
        self, one: Enrollment, now: datetime, *, is_due: bool, facts: set[str] | None
    ) -> None:
        """Bring one person to rest."""
        if one.told in OVER:
            one.leave("end", now, OVER[one.told])
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
        for sent in one.deliveries:
            if reason in {"goal", "exit rule"} and sent.state == "deferred":
                sent.take_back("exited by goal")
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


__all__ = ["Cut", "Oracle", "Segment", "UndefinedOrderError"]
