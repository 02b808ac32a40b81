"""Fairness: an account with a great many due contacts does not keep another one waiting."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import QuerySet

from accounts.models import Account
from accounts.tenancy import in_account, sql
from accounts.tenancy.places import place
from conductor.conversations.models import Enrollment, Turn
from conductor.engine import tasks, turns
from conductor.engine.turns import Pace
from messaging import tasks as messaging_tasks
from messaging.models import Delivery
from tests.engine.test_two_connections import elsewhere
from tests.engine.world import World
from tests.factories import QueuedEmailFactory

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = "{key: hello, message: {saved_message: We miss you}}"


def small_work(account: Account) -> World:
    """Queue one contact's fact in an account."""
    with in_account(account.pk):
        world = World(datetime.now(UTC))
        world.live(HELLO)
        world.happen(world.person())
    return world


def ended(account: Account) -> int:
    """Count who has come to the end."""
    with in_account(account.pk):
        return Enrollment.objects.exclude(ended_at=None).count()


class TestFairness:
    def test_serves_the_small_account_while_another_worker_has_the_big_one(
        self, acme: Account, globex: Account
    ) -> None:
        small_work(acme)
        turns.serve(acme.pk, now=datetime.now(UTC) - timedelta(days=1))
        small_work(globex)

        with elsewhere(acme, lambda: Turn.objects.select_for_update().get()):
            assert tasks.advance() == 1

        assert (ended(acme), ended(globex)) == (0, 1)

    def test_passes_over_those_whose_ticks_fail(
        self, acme: Account, globex: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small_work(acme)
        small_work(globex)
        now = datetime.now(UTC)
        with in_account(acme.pk):
            Turn.objects.create(attempts=5, served_at=now - timedelta(minutes=1))
        with in_account(globex.pk):
            Turn.objects.create(served_at=now - timedelta(seconds=2))
        monkeypatch.setattr(tasks, "ACCOUNTS_AT_ONCE", 1)

        tasks.advance()

        assert (ended(acme), ended(globex)) == (0, 1)

    def test_serves_who_becomes_due_before_the_big_one_again(
        self, acme: Account, globex: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with in_account(acme.pk):
            world = World(datetime.now(UTC))
            world.live(HELLO)
            world.happen(*[world.person() for _ in range(6)])
        monkeypatch.setattr(turns, "pace_of", lambda _account: Pace(limit=1))
        monkeypatch.setattr(tasks, "TASK_SECONDS", 60)
        served: list[int] = []
        serve = turns.serve

        def serve_and_note(account_id: int, **given: Any) -> Any:
            served.append(account_id)
            if len(served) == 2:
                small_work(globex)
            return serve(account_id, **given)

        monkeypatch.setattr(tasks, "serve", serve_and_note)

        tasks.advance()

        assert served[:4] == [acme.pk, acme.pk, globex.pk, acme.pk]

    def test_serves_it_while_the_other_is_always_due(
        self, acme: Account, globex: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Small ticks: the big account has more to do than there is time.
        monkeypatch.setattr(turns, "pace_of", lambda _account: Pace(limit=4))
        monkeypatch.setattr(tasks, "TASK_SECONDS", 1.0)
        with in_account(acme.pk):
            big = World(datetime.now(UTC))
            # They go round without an end: the account is always due.
            big.live("{key: pause, wait: {for: PT1S}}\n{key: back, go_to: {to: pause}}")
            big.happen(*[big.person() for _ in range(300)])
        with in_account(globex.pk):
            small = World(datetime.now(UTC))
            small.live(HELLO, heading="reentry: unlimited")
            person = small.person()
        stop = threading.Event()
        workers = [threading.Thread(target=_work, args=(stop.is_set,)) for _ in range(2)]
        for worker in workers:
            worker.start()

        for turn in range(1, 8):
            time.sleep(0.2)
            with in_account(globex.pk):
                small.happen(person, at=datetime.now(UTC))
            wait_until(lambda: ended(globex) == turn)  # noqa: B023 - called here
        served = ended(globex)
        gone_round = Enrollment.objects.filter(visit_number__gt=1)
        wait_until(lambda: is_there(acme, gone_round))
        stop.set()
        for worker in workers:
            worker.join(120)

        assert served == 7
        assert is_there(acme, gone_round)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something, for two minutes at most."""
    patience = time.monotonic() + 120
    while not is_so() and time.monotonic() < patience:
        time.sleep(0.02)


def is_there(account: Account, rows: QuerySet[Any]) -> bool:
    """Tell whether an account has such rows by now."""
    with in_account(account.pk):
        return rows.all().exists()


def _work(is_over: Callable[[], bool]) -> None:
    """Do what a worker of the cluster does, until it is over."""
    try:
        while not is_over():
            tasks.advance()
            time.sleep(0.01)
    finally:
        connections.close_all()


class TestPlaces:
    def test_leave_a_worker_while_another_sends(
        self, acme: Account, globex: Account, settings: Any
    ) -> None:
        settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 2}
        with in_account(globex.pk):
            letter = QueuedEmailFactory.create()
        take = "SELECT pg_try_advisory_xact_lock(%(lock)s)"

        with elsewhere(acme, lambda: sql.fetch_value(take, lock=messaging_tasks.FIRST_PLACE)):
            messaging_tasks.send()
            assert state_of(globex, letter) == "queued"
        messaging_tasks.send()

        assert state_of(globex, letter) == "sent"

    def test_are_given_back(self, db: None) -> None:
        for _ in range(2):
            with place(9_900) as is_free:
                assert is_free


def state_of(account: Account, delivery: Delivery) -> str:
    """Return how far a delivery has come."""
    with in_account(account.pk):
        return Delivery.objects.get(pk=delivery.pk).state


class TestPace:
    def test_slows_down_at_once_and_speeds_up_step_by_step(self) -> None:
        pace = Pace(limit=4_000)

        pace.learn(4_000, 3.0)
        assert pace.limit == 400

        pace.learn(400, 0.03)
        assert pace.limit == 2_200

    def test_learns_nothing_from_a_small_tick(self) -> None:
        pace = Pace(limit=4_000)

        pace.learn(10, 0.2)

        assert pace.limit == 4_000

    def test_is_never_less_than_fifty(self) -> None:
        pace = Pace(limit=100)

        pace.learn(60, 30.0)

        assert pace.limit == turns.FEWEST
