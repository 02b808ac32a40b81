"""Triggers: which fact each of them means, and who is let in without one."""

from datetime import timedelta
from typing import Any

import pytest

from conductor.conversations.models import Conversation, Enrollment, Refusal
from tests.engine.world import World

DAY = timedelta(days=1)
PAUSE = "{key: pause, wait: {for: P10D}}"
SECOND = (
    "  - thread: Second\n    steps:\n"
    "      - {key: other, trigger: none}\n"
    "      - {key: rest, wait: {for: P1D}}\n"
    "      - {key: done, terminate: {}}\n"
)


def live(world: World, trigger: str) -> Conversation:
    """Publish a conversation with one trigger and a wait."""
    return world.live(PAUSE, start=f"{{key: start, trigger: {trigger}}}")


def inside() -> set[int]:
    """Return the subscriptions of those inside."""
    return set(Enrollment.objects.values_list("subscription_id", flat=True))


class TestFields:
    def test_narrow_a_profile_update(self, world: World) -> None:
        live(world, "{list: profile_updated, fields: [Profile.Points, Profile.Note]}")
        grace, ada = world.person(), world.person()

        world.set(grace, Points=1, Vip="on")
        world.set(ada, Vip="on")
        world.tick()

        assert inside() == {grace.pk}
        # What no trigger means is no refusal.
        assert (world.refusals(), world.queued()) == ([], 0)


class TestOrders:
    @pytest.mark.parametrize(
        ("given", "entered"),
        [
            ({"properties": {"status": "Shipped"}}, 1),
            ({"properties": {"status": "Pending"}}, 0),
            ({"properties": {"status": "Shipped"}, "age": 3}, 0),
            ({"properties": {"status": "Shipped"}, "age": 3, "method": "import"}, 1),
        ],
    )
    def test_are_meant_by_status_and_age(
        self, world: World, given: dict[str, Any], entered: int
    ) -> None:
        conversation = live(world, "{order: {status: Shipped, max_age: P2D}}")
        grace = world.person()
        age = given.pop("age", 0)

        more = {"method": "api", "occurred_at": world.now - age * DAY, **given}
        world.queue(conversation, "order", grace, **more)
        world.tick()

        assert len(inside()) == entered
        assert (world.refusals(), world.queued()) == ([], 0)


class TestUnasked:
    @pytest.mark.parametrize("kind", ["enroll", "by_hand"])
    def test_enters_the_thread_named_without_its_trigger(self, world: World, kind: str) -> None:
        conversation = world.live(PAUSE, threads=SECOND)
        grace = world.person()

        world.queue(conversation, kind, grace, step_key="other", depth=3)
        world.tick()

        assert world.path(grace) == ["other>next", "rest"]
        place = world.place(grace)
        assert (place.entry_kind, place.entry_thread, place.depth) == (kind, "Second", 3)

    def test_passes_no_filter_but_asks_reentry_and_the_list(self, world: World) -> None:
        start = (
            "{key: start, trigger: {external_event: Order Imported, "
            "filter: {field: Profile.Points, at_least: 5}}}"
        )
        conversation = world.live(PAUSE, start=start)
        grace, eve = world.person(), world.person()
        eve.contact_id = 0

        for person in (grace, grace, eve):
            world.queue(conversation, "enroll", person, step_key="start")
        world.tick()
        world.tick()

        assert inside() == {grace.pk}
        found = Refusal.objects.order_by("reason").values_list("kind", "reason")
        assert list(found) == [("enroll", "already in"), ("enroll", "not on list")]

    def test_is_refused_where_the_thread_is_gone(self, world: World) -> None:
        conversation = world.live(PAUSE)

        world.queue(conversation, "enroll", world.person(), step_key="other")
        world.tick()

        assert world.refusals() == ["thread is gone"]

    def test_stops_a_chain_of_ten(self, world: World) -> None:
        conversation = world.live(PAUSE)

        world.queue(conversation, "enroll", world.person(), step_key="start", depth=10)
        world.tick()

        assert world.refusals() == ["loop"]


class TestAddressed:
    def test_mean_one_trigger_and_its_filter(self, world: World) -> None:
        threads = (
            "  - thread: Second\n    steps:\n"
            "      - {key: other, trigger: {date: {field: Profile.Birthday}, "
            "filter: {field: Profile.Points, at_least: 5}}}\n"
            "      - {key: done, terminate: {}}\n"
        )
        start = "{key: start, trigger: {date: {field: Profile.Renewal}}}"
        conversation = world.live(PAUSE, start=start, threads=threads)
        rich, poor = world.person(profile={"Points": 9}), world.person()

        for person in (rich, poor):
            world.queue(conversation, "date", person, step_key="other")
        world.tick()

        assert world.place(rich).entry_thread == "Second"
        assert inside() == {rich.pk}
        assert world.refusals() == ["trigger filter"]
