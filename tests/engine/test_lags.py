"""How long the longest waiting work of an account waits: whatever kind it is."""

from datetime import date, timedelta
from typing import Any

import pytest

from accounts.tenancy import lookups
from conductor.conversations.models import Alarm, Call, Conversation, Enrollment
from contacts.actions.segments import create_segment
from contacts.models import Intake, Segment, SegmentMember, SegmentTouch
from tests.engine.world import World

pytestmark = pytest.mark.django_db

LATE = timedelta(seconds=90)


def wait_as(kind: str, world: World, conversation: Conversation, person: Any) -> None:
    """Have one thing of a kind wait for 90 seconds."""
    at, contact = world.now - LATE, {"contact_id": person.contact_id}
    segment = create_segment(list=world.in_list, name="Any", kind="manual", now=world.now)
    Segment.objects.update(tracked_at=world.now)
    if kind == "timer":
        Enrollment.objects.update(due_at=at)
    elif kind == "fact":
        world.queue(conversation, "external_event", person, occurred_at=at, recorded_at=at)
    elif kind == "alarm":
        Alarm.objects.create(
            conversation=conversation,
            step_key="start",
            subscription_id=person.pk,
            local_date=date(2026, 11, 18),
            due_at=at,
            **contact,
        )
    elif kind == "touch":
        SegmentTouch.objects.create(segment=segment, recorded_at=at, **contact)
    elif kind == "recheck":
        SegmentMember.objects.create(segment=segment, subscription=person, since=at, recheck_at=at)
    else:
        row = Enrollment.objects.get()
        Call.objects.create(
            enrollment_id=row.pk,
            conversation_id=conversation.pk,
            version_id=row.version_id,
            step_key="pause",
            visit_number=1,
            next_at=at,
            created_at=at,
        )


class TestLags:
    @pytest.mark.parametrize("kind", ["timer", "fact", "alarm", "touch", "recheck", "call"])
    def test_know_all_that_waits(self, world: World, kind: str) -> None:
        conversation = world.live("{key: pause, wait: {for: P3D}}")
        person = world.person()
        world.happen(person)
        world.tick()
        Intake.objects.all().delete()
        account: Any = conversation.account_id
        before = lookups.lags(now=world.now, most=5)

        wait_as(kind, world, conversation, person)

        assert account not in before
        assert lookups.lags(now=world.now, most=5)[account] == 90.0
        if kind not in {"touch", "recheck"}:
            Conversation.objects.update(paused_at=world.now)
            assert account not in lookups.lags(now=world.now, most=5)
