"""What kills its worker is found within a few attempts, and nobody else is kept waiting."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.models import Enrollment, Trace, Turn
from conductor.engine import turns
from conductor.engine.watch import learn, watched
from tests.engine.world import World, check_conservation
from tests.mother import Mother

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
ASK = "{key: ask, filter: {field: Profile.Points, at_least: 1}}"
WAIT = "{key: pause, wait: {for: P1D}}"
# A worker that falls down dead where a filter step is run for one of the doomed.
WORKER = """
import os, sys
from datetime import datetime, timedelta
from conductor.engine import turns
from conductor.steps import HERE
from conductor.steps.filter import Filter
from contacts import filters
account, moment = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
doomed = {int(one) for one in sys.argv[3].split(",") if one}
run = Filter.execute
def execute(step, arrivals):
    asked = f"SELECT arrivals.subscription_id FROM arrivals WHERE {HERE}"
    if doomed & {row[0] for row in arrivals.fetch(asked)}:
        os._exit(9)
    run(step, arrivals)
Filter.execute = execute
if len(sys.argv) > 4:
    # A rule whose statement ends its own session.
    true = filters.condition
    def condition(*rule, **how):
        found = true(*rule, **how)
        deadly = f"CASE WHEN subscription.id = {sys.argv[4]} THEN pg_terminate_backend(pg_backend_pid()) ELSE {found.sql} END"
        return filters.Condition(deadly, found.params)
    filters.condition = condition
done = turns.serve(account, now=moment)
sys.exit(0 if done is not None else 4)
"""


@dataclass
class Workers:
    """Serve accounts in processes of their own."""

    mother: Mother

    def work(self, account: Account, now: datetime, doomed: list[int], deadly: str = "") -> int:
        """Serve an account once; return how the process ended."""
        words = [
            str(account.pk),
            now.isoformat(),
            ",".join(map(str, doomed)),
            *([deadly] * bool(deadly)),
        ]
        return self.mother.run(WORKER, *words)[0]

    def work_through(
        self,
        account: Account,
        now: datetime,
        doomed: list[int],
        *,
        deadly: str = "",
        most: int = 8,
    ) -> int:
        """Serve an account until an attempt lives; return how many have died."""
        for died in range(most):
            if self.work(account, now + died * timedelta(seconds=2), doomed, deadly) == 0:
                return died
        raise AssertionError("Every attempt has died.")


@pytest.fixture
def workers(mother: Mother) -> Workers:
    """Workers that may die."""
    return Workers(mother)


def set_up(account: Account, now: datetime, steps: str, size: int) -> tuple[World, list[Any]]:
    """Let a crowd in, as far as the wait before the filter."""
    with in_account(account.pk):
        world = World(now)
        world.live(f"{WAIT}\n{steps}")
        people = [world.person(profile={"Points": 3}) for _ in range(size)]
        world.happen(*people)
    assert turns.serve(account.pk, now=now) is not None
    return world, people


class TestWatched:
    @pytest.mark.parametrize(
        ("problem", "deaths"),
        [(ValueError("no death"), 0), (OperationalError("the connection is gone"), 1)],
    )
    def test_takes_a_tick_that_failed_for_no_death(
        self, acme: Account, problem: Exception, deaths: int
    ) -> None:
        def fail(_first: int, _last: int) -> None:
            raise problem

        with pytest.raises(type(problem)), watched(acme.pk) as watch:
            watch.run(("step", 1, "ask"), [(1, 7)], fail)

        with in_account(acme.pk):
            assert learn(Trace.objects.get().found)["deaths"] == deaths


class TestStep:
    def test_that_kills_for_one_is_isolated_after_three_attempts(
        self, acme: Account, workers: Workers, now: datetime
    ) -> None:
        world, people = set_up(acme, now, ASK, 20)

        died = workers.work_through(acme, now + DAY, [people[7].pk])

        assert died == 3
        with in_account(acme.pk):
            place = world.place(people[7])
            assert (place.step_key, place.held_reason, place.due_at) == ("ask", "tick failed", None)
            assert Enrollment.objects.filter(end_reason="terminated").count() == 19
            assert not Trace.objects.exists()
            assert Turn.objects.get().attempts == 0
            check_conservation(place.conversation_id)

    def test_that_kills_for_everybody_is_barred(
        self, acme: Account, workers: Workers, now: datetime
    ) -> None:
        world, people = set_up(acme, now, ASK, 10)

        died = workers.work_through(acme, now + DAY, [person.pk for person in people])

        assert died == 4
        with in_account(acme.pk):
            held = Enrollment.objects.filter(step_key="ask", held_reason="tick failed")
            assert held.count() == 10
            check_conservation(world.place(people[0]).conversation_id)

    def test_is_found_for_those_who_enter(
        self, acme: Account, workers: Workers, now: datetime
    ) -> None:
        with in_account(acme.pk):
            world = World(now)
            world.live(ASK)
            people = [world.person(profile={"Points": 3}) for _ in range(5)]
            world.happen(*people)

        died = workers.work_through(acme, now, [people[2].pk])

        assert died == 3
        with in_account(acme.pk):
            assert world.path(people[2]) == ["start>next", "ask"]
            assert world.place(people[2]).held_reason == "tick failed"
            assert Enrollment.objects.filter(end_reason="terminated").count() == 4


class TestRule:
    def test_of_a_trigger_that_kills_its_session_refuses_the_fact(
        self, acme: Account, workers: Workers, now: datetime
    ) -> None:
        start = (
            "{key: start, trigger: {external_event: Order Imported, "
            "filter: {field: Profile.Points, at_least: 1}}}"
        )
        with in_account(acme.pk):
            world = World(now)
            world.live(WAIT, start=start)
            people = [world.person(profile={"Points": 3}) for _ in range(5)]
            world.happen(*people)

        died = workers.work_through(acme, now, [], deadly=str(people[3].pk))

        assert died == 3
        with in_account(acme.pk):
            assert Enrollment.objects.count() == 4
            assert world.refusals() == ["tick failed"]


class TestLearn:
    def test_forgets_what_it_cannot_blame(self) -> None:
        found = learn({"here": {"place": ["", 0, ""], "ids": []}})

        assert (found["suspects"], found["condemned"], found["deaths"]) == (None, [], 0)

    def test_condemns_who_was_alone_twice(self) -> None:
        step = ["step", 1, "ask"]
        once = learn({"here": {"place": step, "ids": [5, 6]}})
        assert once["suspects"] == {"place": step, "ids": [5, 6]}

        twice = learn({**once, "here": {"place": step, "ids": [6]}})
        assert (twice["suspects"], twice["condemned"]) == ({"place": step, "ids": [6]}, [])

        # A worker that is killed elsewhere meanwhile condemns nobody.
        other = learn({**twice, "here": {"place": ["step", 1, "else"], "ids": [9]}})
        assert other["condemned"] == []

        thrice = learn({**twice, "here": {"place": step, "ids": [6]}})
        assert thrice["condemned"] == [{"place": step, "ids": [6]}]
        assert learn({**thrice, "here": {"place": step, "ids": [5]}})["barred"] == [step]
