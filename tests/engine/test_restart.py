"""Restart: a new entry replaces the enrollment under way."""

from datetime import timedelta

from conductor.conversations.models import Enrollment
from tests.engine.world import World, check_conservation

DAY = timedelta(days=1)
PAUSE = "{key: pause, wait: {for: P10D}}"
RESTART = "reentry: unlimited\nwhile_in: restart"


class TestRestart:
    def test_ends_the_old_one_and_begins_anew(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=RESTART)
        grace = world.person()
        world.happen(grace, properties={"order": "A1"})
        world.tick()
        first = world.place(grace)

        world.happen(grace, at=world.now + DAY, properties={"order": "A2"})
        done = world.tick(world.now + DAY)

        assert done.entered == 1
        first.refresh_from_db()
        assert (first.end_reason, first.ended_at) == ("restarted", world.now)
        place = world.place(grace)
        assert (place.entry_number, place.entry_properties) == (2, {"order": "A2"})
        assert (place.entered_at, place.due_at) == (world.now, world.now + 10 * DAY)
        assert world.refusals() == []
        check_conservation(conversation.pk)

    def test_comes_before_the_timer_of_the_same_tick(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=RESTART)
        grace = world.person()
        world.happen(grace)
        world.tick()
        first = world.place(grace)

        world.happen(grace, at=world.now + 10 * DAY)
        world.tick(world.now + 10 * DAY)

        first.refresh_from_db()
        assert first.end_reason == "restarted"
        assert world.place(grace).step_key == "pause"
        check_conservation(conversation.pk)

    def test_is_one_a_tick(self, world: World) -> None:
        world.live(PAUSE, heading=RESTART)
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.happen(grace, grace)
        assert (world.tick().entered, world.queued()) == (1, 1)
        assert (world.tick().entered, world.queued()) == (1, 0)

        reasons = Enrollment.objects.order_by("id").values_list("end_reason", flat=True)
        assert list(reasons) == ["restarted", "restarted", ""]

    def test_is_refused_by_the_rule_of_reentry_first(self, world: World) -> None:
        for reentry in ("once", "{after: P5D}"):
            world.live(PAUSE, heading=f"reentry: {reentry}\nwhile_in: restart")
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.happen(grace, at=world.now + DAY)
        world.tick(world.now + DAY)
        assert sorted(world.refusals()) == ["entered before", "entered lately"]

        world.happen(grace, at=world.now + 5 * DAY)
        done = world.tick(world.now + 5 * DAY)
        assert done.entered == 1

    def test_passes_over_a_fact_that_the_filter_does_not_match(self, world: World) -> None:
        start = (
            "{key: start, trigger: {external_event: Order Imported, "
            "filter: {entry: {property: {name: total, at_least: 50}}}}}"
        )
        world.live(PAUSE, heading=RESTART, start=start)
        grace = world.person()
        world.happen(grace, properties={"total": 60})
        world.tick()

        world.happen(grace, properties={"total": 10})
        world.tick()

        assert world.refusals() == ["trigger filter"]
        assert Enrollment.objects.filter(ended_at=None).count() == 1

    def test_behind_a_wake_waits_for_what_becomes_of_it(self, world: World) -> None:
        heading = f"{RESTART}\ngoal: {{field: Profile.Points, at_least: 5}}"
        world.live(PAUSE, heading=heading)
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.set(grace, Points=5)
        world.happen(grace)
        world.tick()
        assert world.queued() == 1
        assert world.place(grace).end_reason == "goal"

        assert world.tick().entered == 1

    def test_before_a_wake_wins_and_the_wake_is_for_the_new_one(self, world: World) -> None:
        world.live(PAUSE, heading=f"{RESTART}\non_unsubscribe: end")
        grace = world.person()
        world.happen(grace)
        world.tick()
        ended = Enrollment.objects.order_by("id").values_list("end_reason", flat=True)

        world.happen(grace)
        world.tell("unsubscribed", grace)
        world.tick()
        assert list(ended.all()) == ["restarted", ""]
        assert world.queued() == 1

        world.tick()
        assert list(ended.all()) == ["restarted", "unsubscribed"]
