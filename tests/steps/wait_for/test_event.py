"""Wait For an event or an order: who is let go by it, and who has waited in vain."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conductor.conversations.models import Tally
from contacts.actions.customers import Customer
from contacts.actions.order_rows import NewOrder
from contacts.actions.orders import save_orders
from contacts.models import ExternalEvent
from tests.engine.world import World
from tests.steps.wait_for.coming import DAY, HOUR, NOON, buy, come_to


class TestEvent:
    SETTINGS = "event: Bought, timeout: P1D"

    def test_holds_until_the_time_out(self, world: World, bought: ExternalEvent) -> None:
        grace = come_to(world, self.SETTINGS)
        assert world.path(grace) == ["start>next", "hold"]
        assert world.place(grace).due_at == NOON + DAY

        world.tick(NOON + DAY)

        assert world.path(grace)[1:] == ["hold>timed_out", "late>end", "(terminated)"]

    def test_lets_go_when_it_happens(self, world: World, bought: ExternalEvent) -> None:
        grace, other = come_to(world, self.SETTINGS), world.person()
        buy(world, bought, other, NOON + HOUR)
        buy(world, bought, grace, NOON + HOUR)

        world.tick(NOON + HOUR)

        assert world.path(grace)[1:] == ["hold>happened", "go>end", "(terminated)"]

    @pytest.mark.parametrize(
        ("recorded", "occurred", "asked", "exit_name"),
        [
            # Only what was recorded after the arrival, and until the time-out.
            (timedelta(0), timedelta(0), DAY, "timed_out"),
            (timedelta(microseconds=1), timedelta(0), DAY, "happened"),
            (HOUR, -5 * DAY, HOUR, "happened"),
            (DAY, DAY, DAY, "happened"),
            (DAY + timedelta(microseconds=1), DAY, 2 * DAY, "timed_out"),
            # It wins over the time-out, even if both are seen late.
            (HOUR, HOUR, 3 * DAY, "happened"),
            # Its own time has to have come, too.
            (HOUR, 5 * DAY, DAY, "timed_out"),
            (HOUR, 2 * DAY, 2 * DAY, "happened"),
        ],
    )
    def test_counts_what_is_recorded_while_it_waits(
        self,
        world: World,
        bought: ExternalEvent,
        recorded: timedelta,
        occurred: timedelta,
        asked: timedelta,
        exit_name: str,
    ) -> None:
        grace = come_to(world, self.SETTINGS)
        buy(world, bought, grace, NOON + recorded, occurred_at=NOON + occurred)

        world.tick(NOON + asked)

        assert world.path(grace)[1] == f"hold>{exit_name}"

    @pytest.mark.parametrize(
        ("where", "properties", "happened"),
        [
            ("{name: total, at_least: 50}", {"total": 50}, True),
            ("{name: total, at_least: 50}", {"total": 49}, False),
            ("{name: total, at_least: 50}", {}, False),
            ("[{name: total, more_than: 1}, {name: sku, is: A1}]", {"total": 2, "sku": "a1"}, True),
            ("[{name: total, more_than: 1}, {name: sku, is: A1}]", {"total": 2}, False),
            ("{name: sku, is_not: A1}", {}, True),
        ],
    )
    def test_asks_for_properties(
        self,
        world: World,
        bought: ExternalEvent,
        where: str,
        properties: dict[str, Any],
        happened: bool,  # noqa: FBT001
    ) -> None:
        grace = come_to(world, f"{self.SETTINGS}, where: {where}")
        buy(world, bought, grace, NOON + HOUR, properties=properties)

        world.tick(NOON + HOUR)

        assert (world.path(grace)[1] == "hold>happened") is happened

    def test_stays_as_it_is_when_something_else_wakes_it(
        self, world: World, bought: ExternalEvent
    ) -> None:
        grace = come_to(world, f"{self.SETTINGS}, where: {{name: total, at_least: 50}}")
        buy(world, bought, grace, NOON + HOUR)

        world.tick(NOON + HOUR)

        place = world.place(grace)
        assert (place.step_key, place.due_at, place.arrived_at) == ("hold", NOON + DAY, NOON)

    def test_counts_anew_at_each_visit(self, world: World, bought: ExternalEvent) -> None:
        world.live(
            f"{{key: hold, wait_for: {{{self.SETTINGS}}}}}\n{{key: again, go_to: {{to: hold}}}}"
        )
        grace = world.person()
        world.happen(grace)
        world.tick(NOON)
        buy(world, bought, grace, NOON + HOUR)
        world.tick(NOON + HOUR)
        assert world.path(grace) == ["start>next", "hold>happened", "again>match", "hold"]

        world.tick(NOON + HOUR + DAY)

        assert world.path(grace)[3:] == ["hold>timed_out", "again>match", "hold"]

    def test_holds_who_comes_when_the_event_is_gone(
        self, world: World, bought: ExternalEvent
    ) -> None:
        world.live(f"{{key: hold, wait_for: {{{self.SETTINGS}}}}}")
        grace = world.person()
        world.happen(grace)
        bought.delete()

        world.tick(NOON)

        assert world.place(grace).held_reason == "the event is gone"

    def test_waits_by_the_contacts_own_clock(self, world: World, bought: ExternalEvent) -> None:
        conversation = world.live(
            "{key: hold, wait_for: {event: Bought, timeout: P5M}}", heading="time_zone: contact"
        )
        far, nowhere = (
            world.person(time_zone="Pacific/Auckland"),
            world.person(time_zone="Mars/Base"),
        )

        world.happen(far, nowhere)
        world.tick(NOON)

        assert world.place(far).due_at == datetime(2027, 4, 18, 13, tzinfo=UTC)
        assert world.place(nowhere).due_at == datetime(2027, 4, 18, 11, tzinfo=UTC)
        counted = Tally.objects.get(conversation=conversation)
        assert (counted.name, counted.step_key, counted.total) == ("zone fallback", "hold", 1)


class TestOrder:
    @pytest.mark.parametrize(
        ("settings", "status", "exit_name"),
        [
            ("order: {status: Shipped}", "Shipped", "happened"),
            ("order: {status: Shipped}", "Completed", "timed_out"),
            ("order: {status: [Shipped, Completed]}", "Completed", "happened"),
            ("order: {}", "Misc", "happened"),
            ("order: {}, where: {name: total, at_least: 50}", "Misc", "happened"),
            ("order: {}, where: {name: total, at_least: 51}", "Misc", "timed_out"),
        ],
    )
    def test_hears_of_a_first_status(
        self, world: World, settings: str, status: str, exit_name: str
    ) -> None:
        grace = come_to(world, f"{settings}, timeout: P1D", email="grace@mail.example")
        save_orders(
            orders=[
                NewOrder(
                    "O-1",
                    Customer(email="grace@mail.example"),
                    NOON - 3 * DAY,
                    status=status,
                    total=50,
                )
            ],
            now=NOON + HOUR,
            source="api",
        )

        world.tick(NOON + HOUR)
        if exit_name == "timed_out":
            assert world.place(grace).step_key == "hold"
            world.tick(NOON + DAY)

        assert world.path(grace)[1] == f"hold>{exit_name}"
