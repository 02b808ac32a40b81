"""Conversations that start on birthdays, and when those ring."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conductor.conversations.models import Alarm, Conversation, Enrollment
from contacts.models import Intake, Subscription
from tests.engine.world import World

DAY = timedelta(days=1)
YEAR = 365 * DAY
NEW_YORK = ZoneInfo("America/New_York")


def birthday(world: World, *, heading: str = "", **more: Any) -> Conversation:
    """Publish a conversation that starts on birthdays."""
    settings = ", ".join(f"{key}: {value}" for key, value in {"at": '"09:00"', **more}.items())
    start = f"{{key: start, trigger: {{date: {{field: Profile.Birthday, {settings}}}}}}}"
    return world.live("", heading=f"reentry: unlimited\n{heading}", start=start)


def born(world: World, on: str, **more: Any) -> Subscription:
    """Return somebody with a birthday."""
    found: Subscription = world.person(profile={"Birthday": on}, **more)
    return found


def due(person: Subscription, zone: str = "America/New_York") -> str:
    """Return when a person's alarm is due, on the clocks of a zone."""
    found = Alarm.objects.get(subscription_id=person.pk)
    wall = found.due_at.astimezone(ZoneInfo(zone))
    assert found.local_date == wall.date()
    return f"{wall:%Y-%m-%d %H:%M}"


def at(written: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone)


def rung() -> list[tuple[int, str, datetime]]:
    """Return (contact, trigger, when it was due) of the facts queued."""
    found = Intake.objects.filter(kind="date").order_by("id")
    return list(found.values_list("contact_id", "step_key", "occurred_at"))


def entered() -> list[datetime]:
    """Return when people entered, the first first."""
    return list(Enrollment.objects.order_by("entered_at").values_list("entered_at", flat=True))


def again(world: World, conversation: Conversation, **date: Any) -> None:
    """Publish it once more with another date trigger."""
    structure = conversation.draft
    structure["threads"][0]["steps"][0]["trigger"]["date"] |= date
    world.publish(conversation, structure)
