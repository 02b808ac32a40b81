"""Raise an external event for the contact, as an integration would.

Conversations of the list that start with this event, or wait for it, hear of it a moment
later. A chain of conversations that start one another ends after ten.
"""

from collections.abc import Mapping
from typing import Any

from conductor.steps import (
    THESE,
    Arrivals,
    Names,
    NameText,
    StepProblem,
    Told,
    announce,
    empty,
    hold_here,
    unknown,
)
from conductor.steps.action.act import Act
from contacts.actions import facts
from contacts.models import ExternalEvent
from contacts.models.event import ExternalEventStatus

BLOCKED = ExternalEventStatus.BLOCKED.value

RAISE = f"""
    INSERT INTO contacts_event (
        list_id, contact_id, external_event_id, occurred_at, recorded_at, source, properties
    )
    SELECT
        enrolled.list_id, arrivals.contact_id, %(external_event_id)s, %(now)s, %(now)s,
        %(source)s, '{{}}'::jsonb
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    WHERE {THESE}
    ORDER BY arrivals.enrollment_id
    RETURNING id AS event_id, contact_id
"""
RAISED = Told(
    kinds=(facts.EXTERNAL_EVENT,),
    key="contact_id",
    columns="event_id bigint",
    external_event_id="%(external_event_id)s::bigint",
    event_id="written.event_id",
)


class RaiseEventAct(Act[str]):
    """Raise an event."""

    name = "raise_event"
    place = 6
    label = "Raise an external event"
    Setting = NameText

    def sentence(self, setting: str) -> str:
        """Name the event."""
        return f"Raise “{setting}”" if setting else ""

    def problems(self, setting: str, names: Names) -> list[StepProblem]:
        """Find an event that is missing, unknown or blocked."""
        if not setting:
            return [empty("raise_event", "Choose the event.")]
        event = names.event(setting)
        if event is None:
            return [unknown("raise_event", "event", setting)]
        if event.status == BLOCKED:
            text = f"The event “{setting}” is blocked, so it cannot be raised."
            return [StepProblem("raise_event", "blocked_event", text)]
        return []

    def compile(self, setting: str, names: Names) -> dict[str, Any]:
        """Return the event's id."""
        event = names.event(setting)
        if event is None:
            raise ValueError("Only a step without problems is compiled.")
        return {"external_event_id": event.pk}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Raise it for everybody here."""
        found = ExternalEvent.objects.filter(pk=settings["external_event_id"])
        status = found.values_list("status", flat=True).first()
        if status is None or status == BLOCKED:
            hold_here(arrivals, "the event is blocked" if status else "the event is gone")
            return
        announce(
            arrivals,
            RAISED,
            write=RAISE,
            external_event_id=settings["external_event_id"],
            # By this a test run knows the events of its own.
            source="test" if arrivals.is_rehearsal else "action",
        )


ACT = RaiseEventAct()
