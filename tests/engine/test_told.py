"""Told: what somebody decided by hand happens at the next tick, without running the step."""

from datetime import timedelta

from conductor.conversations.models import Enrollment, Visit
from tests.engine.world import World, check_conservation

DAY = timedelta(days=1)
STEPS = (
    "{key: pause, wait: {for: P10D}}\n"
    "{key: ask, filter: {field: Profile.Points, at_least: 5}, exits: {otherwise: bye}}\n"
    "{key: rest, wait: {for: P1D}}\n{key: bye, terminate: {}}"
)


def tell(world: World, told: str) -> None:
    """Say by hand what happens to everybody inside."""
    Enrollment.objects.filter(ended_at=None).update(told=told, due_at=world.now)


class TestTold:
    def test_ends_where_they_are(self, world: World) -> None:
        conversation = world.live(STEPS)
        grace = world.person()
        world.happen(grace)
        world.tick()

        tell(world, "!end")
        world.tick(world.now + DAY)

        assert world.path(grace) == ["start>next", "pause>end", "(by hand)"]
        check_conservation(conversation.pk)

    def test_takes_an_exit_and_runs_on_from_there(self, world: World) -> None:
        conversation = world.live(STEPS)
        grace = world.person(profile={"Points": 7})
        world.happen(grace)
        world.tick()

        tell(world, "next")
        world.tick(world.now + DAY)

        assert world.path(grace) == ["start>next", "pause>next", "ask>next", "rest"]
        place = world.place(grace)
        assert (place.told, place.due_at) == ("", world.now + DAY)
        assert Visit.objects.get(step_key="pause").left_at == world.now
        check_conservation(conversation.pk)

    def test_frees_those_who_are_held(self, world: World) -> None:
        world.live(STEPS)
        grace = world.person(profile={"Points": 1})
        world.happen(grace)
        world.tick()
        Enrollment.objects.update(held_reason="step_error 22012", step_key="ask", due_at=None)

        tell(world, "otherwise")
        world.tick()

        assert world.path(grace)[-3:] == ["ask>otherwise", "bye>end", "(terminated)"]
        assert world.place(grace).held_reason == ""

    def test_is_overtaken_by_a_goal(self, world: World) -> None:
        world.live(STEPS, heading="goal: {field: Profile.Points, at_least: 5}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        tell(world, "next")
        world.set(grace, Points=5)
        world.tick()

        assert world.path(grace) == ["start>next", "pause>end", "(goal)"]

    def test_does_not_disturb_others_at_the_step(self, world: World) -> None:
        conversation = world.live(STEPS)
        grace, ada = world.person(), world.person()
        world.happen(grace, ada)
        world.tick()
        later = world.now + 10 * DAY
        Enrollment.objects.filter(subscription_id=grace.pk).update(told="!end", due_at=later)

        world.tick(later)

        assert world.path(grace)[-1] == "(by hand)"
        assert world.path(ada)[1:3] == ["pause>next", "ask>otherwise"]
        check_conservation(conversation.pk)
