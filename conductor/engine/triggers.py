"""Triggers with a filter, asked of the facts that they mean."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.clocks import reads_own_calendar
from conductor.engine.arrivals import zone_expression
from conductor.engine.faults import Fault, find_culprits, run_safely
from conductor.engine.program import Program
from conductor.engine.tallies import Tallies, count_fallbacks, note_fallbacks
from conductor.engine.watch import TICK_FAILED, Row, Watch, run_watched
from contacts import filters

REASON_LENGTH = 60

# The facts that a trigger's filter is asked of.
HERE = """
    fact.id BETWEEN %(first)s AND %(last)s
    AND fact.conversation_id = %(conversation_id)s
    AND fact.refusal IS NULL
    AND %(number)s = any(fact.asked_numbers)
    AND (fact.trigger_number IS NULL OR fact.trigger_number > %(number)s)
"""
# A rule on how the enrollment began is asked of the fact itself. The rule stands in SET: in
# WHERE the planner may ask it of contacts that have no fact here, and err on them.
ASK_TRIGGER = f"""
    UPDATE facts
    SET trigger_number = CASE WHEN {{condition}} THEN %(number)s ELSE facts.trigger_number END
    FROM (
        SELECT
            fact.id AS fact_id,
            NULL::bigint AS id,
            fact.conversation_id,
            fact.subscription_id,
            fact.contact_id,
            fact.kind AS entry_kind,
            fact.external_event_id AS entry_external_event_id,
            fact.event_id AS entry_event_id,
            %(thread)s::text AS entry_thread,
            fact.method AS entry_method,
            fact.properties AS entry_properties,
            %(now)s::timestamptz AS entered_at,
            '{{}}'::jsonb AS arrived
        FROM facts AS fact
        WHERE {HERE}
    ) AS enrollment
    INNER JOIN contacts_subscription AS subscription
        ON subscription.id = enrollment.subscription_id
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    WHERE facts.id = enrollment.fact_id
"""
ASKED = """
    SELECT fact.id
    FROM facts AS fact
    WHERE
        fact.conversation_id = %(conversation_id)s
        AND fact.refusal IS NULL
        AND %(number)s = any(fact.asked_numbers)
"""
ASKED_HERE = f"SELECT fact.contact_id FROM facts AS fact WHERE {HERE}"
REFUSE = "UPDATE facts SET refusal = %(reason)s WHERE facts.id = any(%(ids)s::bigint[])"


@dataclass(frozen=True)
class Entrance:
    """A live conversation whose queue is looked into."""

    conversation_id: int
    list_id: int
    program: Program


def ask_triggers(
    entrances: Iterable[Entrance],
    *,
    account_zone: str,
    now: datetime,
    tallies: Tallies,
    watch: Watch | None = None,
) -> None:
    """
    Match the facts whose contact passes a trigger's filter; a fact that errs is refused.

    Where a filter reads the contact's own calendar, those without a zone are counted.
    """
    for entrance in entrances:
        for number, trigger in enumerate(entrance.program.triggers):
            if trigger["filter"] is not None:
                asking = _Asking(entrance, number, trigger, account_zone, now, watch)
                asking.ask_all()
                key, count = trigger["step_key"], asking.fallbacks
                note_fallbacks(tallies, entrance.conversation_id, key, count)


@dataclass
class _Asking:
    """
    One trigger's filter; `number` is the trigger's place in the file.

    `fallbacks` counts those who were asked by the account's calendar for want of their own.
    """

    entrance: Entrance
    number: int
    trigger: Mapping[str, Any]
    account_zone: str
    now: datetime
    watch: Watch | None
    fallbacks: int = 0

    def ask_all(self) -> None:
        """Ask it of everybody; whom it errs on is refused."""
        fault = run_safely(self._watched)
        if fault is None:
            return
        self.fallbacks = 0
        ids = sorted(row for row, _ in self._here())
        for fact_id, found in find_culprits(ids, self._attempt, fault):
            self._refuse([fact_id], found.reason)

    def _watched(self) -> None:
        run_watched(
            self.watch,
            place=("trigger", self.entrance.conversation_id, self.trigger["step_key"]),
            rows=self._here,
            run=self._ask,
            set_aside=lambda ids: self._refuse(ids, TICK_FAILED),
        )

    def _attempt(self, first: int, last: int) -> Fault | None:
        return run_safely(lambda: self._ask(first, last))

    def _ask(self, first: int, last: int) -> None:
        zone = zone_expression(self.entrance.program.zone, self.account_zone)
        condition = filters.condition(self.trigger["filter"], zone=zone, prefix="trigger_")
        here = {
            "number": self.number,
            "conversation_id": self.entrance.conversation_id,
            "first": first,
            "last": last,
        }
        fallbacks = 0
        if reads_own_calendar(condition.sql, zone):
            fallbacks = count_fallbacks(ASKED_HERE, account_zone=self.account_zone, **here)
        sql.execute(
            ASK_TRIGGER.replace("{condition}", condition.sql),
            thread=self.trigger["thread"],
            now=self.now,
            **here,
            **condition.params,
        )
        self.fallbacks += fallbacks

    def _here(self) -> list[Row]:
        conversation_id = self.entrance.conversation_id
        rows = sql.fetch_all(ASKED, conversation_id=conversation_id, number=self.number)
        return [(row[0], row[0]) for row in rows]

    def _refuse(self, ids: list[int], reason: str) -> None:
        sql.execute(REFUSE, reason=reason[:REASON_LENGTH], ids=ids)
