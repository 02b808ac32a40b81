"""Who comes to the step, and what happens then."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contacts.actions.facts import announce_event
from contacts.models import Event, ExternalEvent, Subscription
from tests.engine.world import World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Noon of 18 November 2026 UTC: 07:00 in New York, the account's zone.
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def come_to(world: World, settings: str, **person: Any) -> Subscription:
    """Let one contact come to the step at noon; return its subscription."""
    world.live(
        f"{{key: hold, wait_for: {{{settings}}}, exits: {{timed_out: late}}}}\n"
        "{key: go, terminate: {}}\n{key: late, terminate: {}}"
    )
    someone: Subscription = world.person(**person)
    world.happen(someone)
    world.tick(NOON)
    return someone


def buy(
    world: World,
    event: ExternalEvent,
    person: Subscription,
    recorded_at: datetime,
    **given: Any,
) -> None:
    """Raise the event for a person."""
    raised = Event.objects.create(
        list_id=world.in_list.pk,
        contact_id=person.contact_id,
        external_event_id=event.pk,
        occurred_at=given.get("occurred_at", recorded_at),
        recorded_at=recorded_at,
        source="api",
        properties=given.get("properties", {}),
    )
    announce_event(event=raised)
