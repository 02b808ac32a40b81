"""Wakes: those inside are asked again when something happens to them."""

from datetime import timedelta

from conductor.conversations.actions.held import retry_held
from conductor.conversations.models import Conversation, Enrollment, Refusal
from contacts.models import Intake
from tests.engine.world import World, check_conservation

DAY = timedelta(days=1)
ASK = "{key: ask, wait_for: {filter: {field: Profile.Points, at_least: 5}, timeout: P10D}}"
REST = "{key: rest, wait: {for: P1D}}"


class TestWake:
    def test_runs_the_step_that_waits_for_it(self, world: World) -> None:
        conversation = world.live(f"{ASK}\n{REST}")
        grace, ada = world.person(), world.person()
        world.happen(grace, ada)
        world.tick()

        world.set(grace, Points=5)
        world.set(ada, Points=4)
        done = world.tick(world.now + DAY)

        assert (done.facts, done.claimed, done.visits) == (2, 0, 1)
        assert world.path(grace) == ["start>next", "ask>happened", "rest"]
        assert world.path(ada) == ["start>next", "ask"]
        check_conservation(conversation.pk)

    def test_wins_over_the_time_out_of_the_same_tick(self, world: World) -> None:
        world.live(f"{ASK}\n{REST}")
        grace, ada = world.person(), world.person()
        world.happen(grace, ada)
        world.tick()

        world.now += 10 * DAY
        world.set(grace, Points=5)
        world.set(ada, Points=4)
        world.tick()

        assert world.path(grace)[1] == "ask>happened"
        assert world.path(ada)[1] == "ask>timed_out"

    def test_of_nobody_inside_is_dropped(self, world: World) -> None:
        world.live(f"{ASK}\n{REST}")

        world.set(world.person(), Points=5)
        done = world.tick()

        assert (done.facts, world.queued(), Refusal.objects.count()) == (1, 0, 0)

    def test_many_of_one_contact_are_one(self, world: World) -> None:
        world.live(f"{ASK}\n{REST}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        for points in (1, 2, 5):
            world.set(grace, Points=points)
        done = world.tick()

        assert (done.facts, done.visits) == (3, 1)

    def test_leaves_the_held_alone_until_they_are_retried(self, world: World) -> None:
        world.live(f"{ASK}\n{REST}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        Enrollment.objects.update(held_reason="step_error 22012", due_at=None)

        world.set(grace, Points=5)
        world.tick()
        assert world.place(grace).held_reason == "step_error 22012"

        retry_held(conversation=Conversation.objects.get(), now=world.now)
        world.set(grace, Points=6)
        world.tick()
        assert world.path(grace)[1:] == ["ask>happened", "rest"]

    def test_of_a_retried_one_does_not_keep_it_due(self, world: World) -> None:
        world.live(f"{ASK}\n{REST}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        arrived = world.now
        Enrollment.objects.update(held_reason="step_error 22012", due_at=None)

        retry_held(conversation=Conversation.objects.get(), now=world.now)
        world.set(grace, Points=1)
        world.tick(world.now + DAY)

        place = world.place(grace)
        assert (place.held_reason, place.due_at) == ("", arrived + 10 * DAY)

    def test_puts_back_the_trigger_s_fact_behind_it(self, world: World) -> None:
        heading = "reentry: unlimited\ngoal: {field: Profile.Points, at_least: 5}"
        world.live(REST, heading=heading)
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.set(grace, Points=5)
        world.happen(grace)
        first = world.tick()
        # Both wake her: the goal is asked at every fact.
        assert (first.facts, world.queued(), world.refusals()) == (2, 1, [])
        # Exactly as it was.
        assert Intake.objects.get().external_event_id == world.event.pk

        assert world.tick().entered == 1
        assert world.place(grace).entry_number == 2
