"""Two connections at once: nobody is moved twice, entered twice, or forgotten."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.conversations.actions import pause_conversation, publish_conversation
from conductor.conversations.models import Conversation, Enrollment, Turn, Visit
from conductor.engine import turns
from conductor.engine.tick import run_tick
from contacts.models import Subscription
from messaging.models import Delivery
from tests.engine.world import World, check_conservation

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HELLO = "{key: pause, wait: {for: P1D}}\n{key: hello, message: {saved_message: We miss you}}"
SECONDS = 120


class Elsewhere:
    """Work in another thread, on a connection of its own, inside an account."""

    def __init__(self, account: Account, work: Callable[[], Any]) -> None:
        self.account = account
        self.work = work
        self.result: Any = None
        self.did = threading.Event()
        self.may_commit = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            with in_account(self.account.pk):
                self.result = self.work()
                self.did.set()
                self.may_commit.wait(SECONDS)
        finally:
            self.did.set()
            connections.close_all()

    def finish(self) -> Any:
        """Let it commit and return what it did."""
        self.may_commit.set()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        return self.result


@contextmanager
def elsewhere(account: Account, work: Callable[[], Any]) -> Iterator[Elsewhere]:
    """Do work on another connection and leave its transaction open within the block."""
    other = Elsewhere(account, work)
    other.thread.start()
    assert other.did.wait(SECONDS)
    try:
        yield other
    finally:
        other.finish()


@pytest.fixture
def world(acme: Account, now: datetime) -> World:
    """The world of acme, committed."""
    with in_account(acme.pk):
        return World(now)


def tick(account: Account, now: datetime, limit: int = 1000) -> Any:
    """Run a tick and commit it."""
    with in_account(account.pk):
        return run_tick(now=now, limit=limit)


class TestClaim:
    def test_passes_over_what_another_tick_has_claimed(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            conversation = world.live(HELLO)
            world.happen(*[world.person() for _ in range(10)])
        tick(acme, world.now)
        later = world.now + DAY

        with elsewhere(acme, lambda: run_tick(now=later, limit=4)) as other:
            here = tick(acme, later)

        assert (other.result.claimed, here.claimed) == (4, 6)
        with in_account(acme.pk):
            assert Delivery.objects.count() == 10
            assert Enrollment.objects.filter(ended_at=None).count() == 0
            check_conservation(conversation.pk)

    def test_finds_nothing_left_after_a_tick_has_committed(
        self, acme: Account, world: World
    ) -> None:
        with in_account(acme.pk):
            world.live(HELLO)
            world.happen(world.person())
        tick(acme, world.now)
        later = world.now + DAY

        assert tick(acme, later).claimed == 1
        assert tick(acme, later).rows == 0


class TestIntake:
    def test_is_one_at_a_time_in_an_account(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            world.live(HELLO, heading="reentry: unlimited")
            grace = world.person()
            world.happen(grace)

        with elsewhere(acme, lambda: run_tick(now=world.now, limit=10)) as other:
            with in_account(acme.pk):
                world.happen(grace)
            here = tick(acme, world.now)
        after = tick(acme, world.now)

        assert (other.result.entered, here.facts) == (1, 0)
        # Decided against what the first tick has committed: she is in already.
        assert (after.facts, after.entered) == (1, 0)
        with in_account(acme.pk):
            assert Enrollment.objects.count() == 1
            assert world.refusals() == ["already in"]

    def test_of_another_account_goes_on(self, acme: Account, globex: Account, world: World) -> None:
        with in_account(globex.pk):
            there = World(world.now)
            there.live(HELLO)
            there.happen(there.person())
        with in_account(acme.pk):
            world.live(HELLO)
            world.happen(world.person())

        with elsewhere(globex, lambda: run_tick(now=world.now, limit=10)) as other:
            here = tick(acme, world.now)

        assert (other.result.entered, here.entered) == (1, 1)

    def test_finds_a_fact_that_commits_after_a_later_one(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            world.live(HELLO)
            slow, quick = world.person(), world.person()

        with elsewhere(acme, lambda: world.happen(slow)):
            with in_account(acme.pk):
                world.happen(quick)
            assert tick(acme, world.now).entered == 1
        after = tick(acme, world.now)

        assert after.entered == 1
        with in_account(acme.pk):
            assert world.place(slow).pk > world.place(quick).pk


class TestPublish:
    def test_waits_for_the_tick_under_way(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            conversation = world.live(HELLO)
            before, after = world.person(), world.person()
            world.happen(before)
            draft = dict(conversation.draft)
            draft["threads"][0]["steps"][2:3] = [{"key": "other", "wait": {"for": "P2D"}}]
            Conversation.objects.update(draft=draft)

        def publish() -> Any:
            return publish_conversation(
                conversation=Conversation.objects.get(), now=world.now
            ).version.pk

        with elsewhere(acme, lambda: run_tick(now=world.now, limit=10)) as ticking:
            publishing = Elsewhere(acme, publish)
            publishing.thread.start()
            assert not publishing.did.wait(0.5)
            ticking.finish()
            version_id = publishing.finish()
        with in_account(acme.pk):
            world.happen(after)
        tick(acme, world.now)
        tick(acme, world.now + DAY)

        with in_account(acme.pk):
            assert world.place(before).version_id != version_id
            assert world.path(before)[-1] == "(terminated)"
            assert world.place(after).version_id == version_id
            assert world.path(after)[-1] == "other"
            check_conservation(conversation.pk)

    def test_pauses_for_good_once_it_is_answered(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            world.live(HELLO)
            first, second = world.person(), world.person()
            world.happen(first)

        def pause() -> None:
            pause_conversation(conversation=Conversation.objects.get(), now=world.now)

        with elsewhere(acme, lambda: run_tick(now=world.now, limit=10)) as ticking:
            pausing = Elsewhere(acme, pause)
            pausing.thread.start()
            assert not pausing.did.wait(0.5)
            ticking.finish()
            pausing.finish()
        with in_account(acme.pk):
            world.happen(second)

        assert tick(acme, world.now).rows == 0
        assert tick(acme, world.now + DAY).rows == 0
        with in_account(acme.pk):
            assert Visit.objects.count() == 1
            assert world.queued() == 1


GOAL = "goal: {field: Profile.Points, at_least: 5}"


def hold_all() -> list[int]:
    """Lock every enrollment, as somebody does who moves them by hand."""
    return [row.pk for row in Enrollment.objects.select_for_update()]


class TestWake:
    def test_stays_queued_while_the_enrollment_is_locked(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            conversation = world.live(HELLO, heading=GOAL)
            grace = world.person()
            world.happen(grace)
        tick(acme, world.now)
        with in_account(acme.pk):
            world.set(grace, Points=5)

        with elsewhere(acme, hold_all):
            here = tick(acme, world.now)
            with in_account(acme.pk):
                assert (here.rows, world.queued()) == (0, 1)
        after = tick(acme, world.now)

        assert after.facts == 1
        with in_account(acme.pk):
            assert world.path(grace) == ["start>next", "pause>end", "(goal)"]
            check_conservation(conversation.pk)

    def test_asks_what_another_tick_has_made_of_the_enrollment(
        self, acme: Account, world: World
    ) -> None:
        steps = "{key: pause, wait: {for: P1D}}\n{key: rest, wait: {for: P1D}}"
        with in_account(acme.pk):
            conversation = world.live(steps, heading=GOAL)
            grace = world.person()
            world.happen(grace)
        tick(acme, world.now)
        later = world.now + DAY

        with elsewhere(acme, lambda: run_tick(now=later, limit=10)) as other:
            with in_account(acme.pk):
                world.set(grace, Points=5)
            assert tick(acme, later).rows == 0
        assert other.result.claimed == 1
        tick(acme, later)

        with in_account(acme.pk):
            assert world.path(grace) == ["start>next", "pause>next", "rest>end", "(goal)"]
            check_conservation(conversation.pk)


class TestRestart:
    def test_stays_queued_while_the_old_one_is_locked(self, acme: Account, world: World) -> None:
        heading = "reentry: unlimited\nwhile_in: restart"
        with in_account(acme.pk):
            conversation = world.live(HELLO, heading=heading)
            grace, ada = world.person(), world.person()
            world.happen(grace)
        tick(acme, world.now)
        with in_account(acme.pk):
            world.happen(grace, grace, ada)

        with elsewhere(acme, hold_all):
            here = tick(acme, world.now)
        with in_account(acme.pk):
            assert (here.entered, world.queued(), world.refusals()) == (1, 2, [])
            assert world.place(ada).step_key == "pause"
        tick(acme, world.now)
        tick(acme, world.now)

        with in_account(acme.pk):
            mine = Enrollment.objects.filter(subscription_id=grace.pk).order_by("id")
            assert [row.end_reason for row in mine] == ["restarted", "restarted", ""]
            check_conservation(conversation.pk)


class TestTold:
    def test_waits_for_the_tick_under_way_and_is_not_lost(
        self, acme: Account, world: World
    ) -> None:
        steps = "{key: pause, wait: {for: P1D}}\n{key: rest, wait: {for: P1D}}"
        with in_account(acme.pk):
            conversation = world.live(steps)
            grace = world.person()
            world.happen(grace)
        tick(acme, world.now)
        later = world.now + DAY

        def tell() -> Any:
            return Enrollment.objects.filter(ended_at=None).update(told="!end", due_at=later)

        with elsewhere(acme, lambda: run_tick(now=later, limit=10)) as ticking:
            telling = Elsewhere(acme, tell)
            telling.thread.start()
            assert not telling.did.wait(0.5)
            ticking.finish()
            assert telling.finish() == 1
        tick(acme, later)

        with in_account(acme.pk):
            assert world.path(grace) == ["start>next", "pause>next", "rest>end", "(by hand)"]
            check_conservation(conversation.pk)

    def test_is_passed_over_while_it_is_locked(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            world.live(HELLO)
            grace = world.person()
            world.happen(grace)
        tick(acme, world.now)
        with in_account(acme.pk):
            Enrollment.objects.update(told="next", due_at=world.now)

        with elsewhere(acme, hold_all):
            assert tick(acme, world.now).rows == 0
        assert tick(acme, world.now).claimed == 1

        with in_account(acme.pk):
            assert world.path(grace)[1:3] == ["pause>next", "hello>next"]


class TestTurn:
    def test_is_one_workers_at_a_time(self, acme: Account, world: World) -> None:
        with in_account(acme.pk):
            world.live(HELLO)
            world.happen(world.person())
        turns.serve(acme.pk, now=world.now - DAY)

        def hold() -> Any:
            return Turn.objects.select_for_update().get().pk

        with elsewhere(acme, hold):
            assert turns.serve(acme.pk, now=world.now) is None
        served = turns.serve(acme.pk, now=world.now)

        assert served is not None
        assert served.entered == 1


SOMEBODY_WAITS = """
    SELECT count(*) > 0 FROM pg_stat_activity AS other
    WHERE other.datname = current_database() AND other.wait_event_type = 'Lock'
"""


# Among few the planner may read all, in the order of their ids.
MANY = """
    WITH people AS (
        INSERT INTO contacts_contact (
            email, email_norm, phone_e164, external_id, first_name, last_name, postal_code,
            time_zone, locale, created_at, updated_at
        )
        SELECT 'm' || n || '@mail.example', 'm' || n || '@mail.example', '', '', '', '', '', '', '',
            %(now)s, %(now)s
        FROM generate_series(1, 3000) AS n
        RETURNING id
    )
    INSERT INTO contacts_subscription (
        list_id, contact_id, state, email_key, profile, created_at, updated_at, subscribe_method,
        unsubscribe_method, external_contact_id
    )
    SELECT
        %(list_id)s, people.id, 'Subscribed', 'M' || lpad(people.id::text, 25, '0'), '{}', %(now)s,
        %(now)s, '', '', ''
    FROM people
"""


class TestWriting:
    @pytest.mark.parametrize(
        "step",
        [
            "action: {set_field: {field: Profile.Note, value: hi}}",
            "action: {unsubscribe: this}",
            "split: {groups: [{name: a, weight: 50}, {name: b, weight: 50}], store: Profile.Note}",
        ],
    )
    def test_locks_people_in_the_order_of_their_ids(
        self, acme: Account, world: World, step: str
    ) -> None:
        with in_account(acme.pk):
            world.live(f"{{key: pause, wait: {{for: P1D}}}}\n{{key: write, {step}}}")
            sql.execute(MANY, list_id=world.in_list.pk, now=world.now)
            first, second = world.person(), world.person()
            world.happen(second)
        tick(acme, world.now)
        with in_account(acme.pk):
            world.happen(first)
        tick(acme, world.now + HOUR)
        has_begun = threading.Event()

        def write_both() -> str:
            touch(first)
            has_begun.set()
            wait_until(lambda: bool(sql.fetch_value(SOMEBODY_WAITS)))
            touch(second)
            return "written"

        other = Elsewhere(acme, write_both)
        other.may_commit.set()
        other.thread.start()
        assert has_begun.wait(SECONDS)
        here = tick(acme, world.now + 2 * DAY)

        assert (other.finish(), here.claimed) == ("written", 2)


def touch(person: Subscription) -> None:
    """Write a subscription, which locks it until the commit."""
    Subscription.objects.filter(pk=person.pk).update(updated_at=person.updated_at)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
