"""Facts of one contact are taken in order, each seeing the result of the one before."""

from datetime import timedelta

import pytest

from conductor.conversations.models import Enrollment
from tests.engine.world import World

PAUSE = "{key: pause, wait: {for: P10D}}"
RICH = "goal: {field: Profile.Points, at_least: 5}"


@pytest.fixture(params=[1000, 3, 2, 1])
def limit(request: pytest.FixtureRequest) -> int:
    """How many facts a tick takes: it must not matter where the queue is cut."""
    return int(request.param)


def settle(world: World, limit: int) -> None:
    while world.tick(limit=limit).rows:
        pass


class TestOrder:
    def test_a_goal_reached_right_behind_an_entry_ends_it(self, world: World, limit: int) -> None:
        world.live(PAUSE, heading=RICH)
        ann = world.person()
        world.happen(ann)
        world.set(ann, Points=7)

        settle(world, limit)

        assert Enrollment.objects.get().end_reason == "goal"

    def test_a_goal_reached_before_an_entry_does_not(self, world: World, limit: int) -> None:
        world.live(PAUSE, heading=RICH)
        ann = world.person()
        world.set(ann, Points=7)
        world.happen(ann)

        settle(world, limit)

        assert Enrollment.objects.get().ended_at is None

    def test_a_goal_that_was_true_on_entry_ends_at_the_next_fact(self, world: World) -> None:
        world.live(PAUSE, heading=RICH)
        ann = world.person()
        world.set(ann, Points=7)
        world.happen(ann)
        world.tick()
        world.happen(ann)

        world.tick(world.now + timedelta(seconds=1))

        assert Enrollment.objects.get().end_reason == "goal"

    def test_who_enters_anew_is_asked_again_by_what_came_behind(
        self, world: World, limit: int
    ) -> None:
        world.live(PAUSE, heading=f"reentry: unlimited\nwhile_in: restart\n{RICH}")
        ann = world.person()
        world.happen(ann)
        world.tick()
        world.happen(ann)
        world.set(ann, Points=7)

        settle(world, limit)

        ends = Enrollment.objects.order_by("id").values_list("end_reason", flat=True)
        assert list(ends) == ["goal", "goal"]


class TestCrowd:
    def test_of_one_contact_does_not_stand_in_the_way_of_others(self, world: World) -> None:
        world.live("", heading="reentry: unlimited")
        ann, bob = world.person(), world.person()
        for _ in range(40):
            world.happen(ann)
        world.happen(bob)
        first = world.tick(limit=30)

        world.tick(limit=30, passed_over=first.crowding)

        assert Enrollment.objects.filter(subscription_id=bob.pk).exists()

    def test_of_one_contact_is_served_where_there_are_no_others(self, world: World) -> None:
        world.live("", heading="reentry: unlimited")
        ann = world.person()
        for _ in range(40):
            world.happen(ann)
        first = world.tick(limit=30)

        world.tick(limit=30, passed_over=first.crowding)

        assert Enrollment.objects.count() == 2
