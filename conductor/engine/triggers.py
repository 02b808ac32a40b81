"""Triggers with a filter, asked of the facts that they mean."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.engine.arrivals import zone_expression
from conductor.engine.faults import Fault, find_culprits, run_safely
from conductor.engine.program import Program
from conductor.engine.watch import TICK_FAILED, Row, Watch, run_watched
from contacts import filters

REASON_LENGTH = 60

# A rule on how the enrollment began is asked of the fact itself. The rule stands in SET: in
# WHERE the planner may ask it of contacts that have no fact here, and err on them.
ASK_TRIGGER = """
    UPDATE facts
    SET trigger_number = CASE WHEN {condition} THEN %(number)s ELSE facts.trigger_number END
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
            '{}'::jsonb AS arrived
        FROM facts AS fact
        WHERE
            fact.id BETWEEN %(first)s AND %(last)s
            AND fact.conversation_id = %(conversation_id)s
            AND fact.refusal IS NULL
            AND %(number)s = any(fact.asked_numbers)
            AND (fact.trigger_number IS NULL OR fact.trigger_number > %(number)s)
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
REFUSE = "UPDATE facts SET refusal = %(reason)s WHERE facts.id = any(%(ids)s::bigint[])"


@dataclass(frozen=True)
class Entrance:
    """A live conversation whose queue is looked into."""

    conversation_id: int
    list_id: int
    program: Program


def ask_triggers(
    entrances: Iterable[Entrance], *, account_zone: str, now: datetime, watch: Watch | None = None
) -> None:
    """Match the facts whose contact passes a trigger's filter; a fact that errs is refused."""
    for entrance in entrances:
        zone = zone_expression(entrance.program.zone, account_zone)
        for number, trigger in enumerate(entrance.program.triggers):
            if trigger["filter"] is not None:
                _Asking(entrance.conversation_id, number, trigger, zone, now, watch).ask_all()


@dataclass(frozen=True)
class _Asking:
    """One trigger's filter; `number` is the trigger's place in the file."""

    conversation_id: int
    number: int
    trigger: Mapping[str, Any]
    zone: str
    now: datetime
    watch: Watch | None

    def ask_all(self) -> None:
        """Ask it of everybody; whom it errs on is refused."""
        fault = run_safely(self._watched)
        if fault is None:
            return
        ids = sorted(row for row, _ in self._here())
        for fact_id, found in find_culprits(ids, self._attempt, fault):
            self._refuse([fact_id], found.reason)

    def _watched(self) -> None:
        run_watched(
            self.watch,
            place=("trigger", self.conversation_id, self.trigger["step_key"]),
            rows=self._here,
            run=self._ask,
            set_aside=lambda ids: self._refuse(ids, TICK_FAILED),
        )

    def _attempt(self, first: int, last: int) -> Fault | None:
        return run_safely(lambda: self._ask(first, last))

    def _ask(self, first: int, last: int) -> None:
        condition = filters.condition(self.trigger["filter"], zone=self.zone, prefix="trigger_")
        sql.execute(
            ASK_TRIGGER.replace("{condition}", condition.sql),
            number=self.number,
            thread=self.trigger["thread"],
            conversation_id=self.conversation_id,
            now=self.now,
            first=first,
            last=last,
            **condition.params,
        )

    def _here(self) -> list[Row]:
        rows = sql.fetch_all(ASKED, conversation_id=self.conversation_id, number=self.number)
        return [(row[0], row[0]) for row in rows]

    def _refuse(self, ids: list[int], reason: str) -> None:
        sql.execute(REFUSE, reason=reason[:REASON_LENGTH], ids=ids)
