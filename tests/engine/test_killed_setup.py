"""kill -9 of who sets a long list up: nobody is let in twice, nobody forgotten."""

import random
import signal
from datetime import datetime, timedelta

import pytest

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.alarms import to_come
from conductor.conversations.models import Alarm, Conversation, Enrollment
from contacts.actions.segments import create_segment
from contacts.models import Intake, SegmentTouch
from contacts.segments import jobs
from tests.engine.world import World, check_conservation
from tests.mother import Mother

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 11
BIRTHDAY = "{key: start, trigger: {date: {field: Profile.Birthday, at: '07:01'}}}"
VIPS = "{key: start, trigger: {segment: {name: VIPs, on: entered, include_existing: true}}}"
# Ticks a second apart, three people at a time; falls down dead at a statement.
WORKER = """
import os, signal, sys
from datetime import datetime, timedelta
from django.db import connection
from accounts.tenancy import in_account
from conductor.engine.tick import run_tick
account, moment = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
left = [int(sys.argv[3])]
def count(execute, *call):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(*call)
with connection.execute_wrapper(count):
    for second in range(40):
        with in_account(account):
            run_tick(now=moment + timedelta(seconds=second), limit=3)
"""


@pytest.fixture
def world(acme: Account, now: datetime, monkeypatch: pytest.MonkeyPatch) -> World:
    """A list that counts as long, whose people all have their birthday."""
    monkeypatch.setattr(jobs, "FEW", 0)
    with in_account(acme.pk):
        world = World(now)
        for _ in range(PEOPLE):
            world.person(profile={"Birthday": "1990-11-18", "Points": 12})
        return world


def work(mother: Mother, account: Account, now: datetime, seed: int) -> int:
    """Tick with processes that die, until one lives; return how many have died."""
    drawn = random.Random(seed)
    for died in range(7):
        # The seventh lives.
        statements = drawn.randrange(20, 120) if died < 6 else 0
        code, said = mother.run(WORKER, str(account.pk), now.isoformat(), str(statements))
        if code == 0:
            return died
        assert code == -signal.SIGKILL, said
    raise AssertionError("The last one should have lived.")


class TestKilled:
    def test_while_dates_go_over_to_another_time(
        self, acme: Account, world: World, mother: Mother
    ) -> None:
        # It is 7:00 in New York; the time becomes 7:03 before anybody rang.
        with in_account(acme.pk):
            conversation = world.live("", start=BIRTHDAY)
            for _ in range(2):
                world.tick(limit=1000)
            assert Alarm.objects.count() == PEOPLE
            structure = conversation.draft
            structure["threads"][0]["steps"][0]["trigger"]["date"]["at"] = "07:03"
            world.publish(conversation, structure)

        died = work(mother, acme, world.now + timedelta(minutes=4), seed=1)

        assert died == 6
        with in_account(acme.pk):
            assert everybody_once(conversation) == PEOPLE
            assert not to_come(conversation.pk).exists()
            assert (
                Alarm.objects.filter(due_at__gt=world.now + timedelta(days=300)).count() == PEOPLE
            )

    def test_while_a_segment_is_let_in(self, acme: Account, world: World, mother: Mother) -> None:
        with in_account(acme.pk):
            rule = {"field": "Profile.Points", "at_least": 10}
            create_segment(list=world.in_list, name="VIPs", rule=rule, now=world.now)
            conversation = world.live("", start=VIPS)

        died = work(mother, acme, world.now + timedelta(minutes=4), seed=2)

        assert died == 6
        with in_account(acme.pk):
            assert everybody_once(conversation) == PEOPLE
            assert not SegmentTouch.objects.exists()


def everybody_once(conversation: Conversation) -> int:
    """Return how many have entered, and ended; nobody twice, and nothing left queued."""
    check_conservation(conversation.pk)
    assert not Intake.objects.exists()
    found = Enrollment.objects.filter(conversation=conversation, end_reason="terminated")
    people = set(found.values_list("subscription_id", flat=True))
    assert Enrollment.objects.count() == len(people)
    return len(people)
