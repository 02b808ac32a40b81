"""Wait For: who is let go by what happens, and who has waited in vain."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.models import Tally
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError
from conductor.steps import step_types
from contacts.actions.customers import Customer
from contacts.actions.facts import announce_event
from contacts.actions.order_rows import NewOrder
from contacts.actions.orders import save_orders
from contacts.models import Event, ExternalEvent, Segment, Subscription
from messaging.actions import record_receipts
from messaging.models import Delivery
from tests.engine.world import World
from tests.factories import ExternalEventFactory

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Noon of 18 November 2026 UTC: 07:00 in New York, the account's zone.
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def bought(world: World) -> ExternalEvent:
    """An event that is waited for."""
    return ExternalEventFactory(list=world.in_list, name="Bought")


def come_to(world: World, settings: str, **person: Any) -> Subscription:
    """Let one contact come to the step at noon; return its subscription."""
    world.live(
        f"{{key: hold, wait_for: {{{settings}}}, exits: {{timed_out: late}}}}\n"
        "{key: go, terminate: {}}\n{key: late, terminate: {}}"
    )
    someone: Subscription = world.person(**person)
    world.happen(someone)
    world.tick(NOON)
    return someone


def buy(
    world: World,
    event: ExternalEvent,
    person: Subscription,
    recorded_at: datetime,
    **given: Any,
) -> None:
    """Raise the event for a person."""
    raised = Event.objects.create(
        list_id=world.in_list.pk,
        contact_id=person.contact_id,
        external_event_id=event.pk,
        occurred_at=given.get("occurred_at", recorded_at),
        recorded_at=recorded_at,
        source="api",
        properties=given.get("properties", {}),
    )
    announce_event(event=raised)


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


class TestMessage:
    def send(self, world: World, settings: str, key: str = "hello") -> Subscription:
        """Let a contact come to the wait behind two messages that were sent."""
        world.live(
            "{key: hello, message: {saved_message: We miss you}}\n"
            "{key: other, message: {saved_message: We miss you}}\n"
            f"{{key: hold, wait_for: {{{settings}, timeout: P1D}}}}"
        )
        grace: Subscription = world.person()
        world.happen(grace)
        world.tick(NOON)
        return grace

    @pytest.mark.parametrize(
        ("settings", "kind", "step", "happened"),
        [
            ("message: {did: opened, step: hello}", "opened", "hello", True),
            ("message: {did: opened, step: hello}", "opened", "other", False),
            ("message: {did: opened, step: hello}", "clicked", "hello", False),
            ("message: {did: opened}", "opened", "other", True),
            ("message: {did: clicked}, where: {name: url, contains: shoes}", "clicked", "other",
             True),
            ("message: {did: clicked}, where: {name: url, contains: hats}", "clicked", "other",
             False),
            ("sms: {did: clicked}", "clicked", "other", False),
        ],
    )  # fmt: skip
    def test_hears_what_comes_back(
        self,
        world: World,
        settings: str,
        kind: str,
        step: str,
        happened: bool,  # noqa: FBT001
    ) -> None:
        grace = self.send(world, settings)
        Delivery.objects.update(state="sent", sent_at=NOON)
        record_receipts(
            delivery=Delivery.objects.get(step_key=step),
            kind=kind,
            now=NOON + HOUR,
            detail={"url": "https://acme.example/shoes"},
        )

        world.tick(NOON + HOUR)

        assert (world.path(grace)[-1] == "(terminated)") is happened

    def test_hears_that_it_is_sent(self, world: World) -> None:
        grace = self.send(world, "message: {did: sent, step: other}")
        Delivery.objects.filter(step_key="other").update(state="sent", sent_at=NOON + HOUR)

        world.tick(NOON + DAY)

        assert world.path(grace)[3] == "hold>happened"

    def test_hears_an_answer_to_a_text(self, world: World) -> None:
        grace = self.send(world, "sms: {did: replied}")
        Delivery.objects.filter(step_key="other").update(state="sent", sent_at=NOON, channel="sms")
        record_receipts(
            delivery=Delivery.objects.get(channel="sms"), kind="replied", now=NOON + HOUR
        )

        world.tick(NOON + HOUR)

        assert world.path(grace)[3] == "hold>happened"

    def test_needs_a_step_that_is_there(self, world: World) -> None:
        from conductor.conversations.document import parse_document
        from conductor.conversations.problems import find_problems

        document = parse_document(
            {
                "conversation": "C",
                "threads": [
                    {
                        "thread": "T",
                        "steps": [
                            {"key": "a", "trigger": {"list": "subscribed"}},
                            {
                                "key": "b",
                                "wait_for": {
                                    "message": {"did": "opened", "step": "nowhere"},
                                    "timeout": "P1D",
                                },
                            },
                            {"key": "c", "terminate": {}},
                        ],
                    }
                ],
            }
        )

        found = find_problems(document, ListNames(world.in_list), {})

        assert [(problem.path, problem.code) for problem in found] == [
            ("threads[0].steps[1].wait_for.message.step", "unknown_step")
        ]


class TestFilter:
    SETTINGS = "filter: {field: Profile.Points, at_least: 10}, timeout: P1D"

    def test_lets_go_at_once_who_matches(self, world: World) -> None:
        grace = come_to(world, self.SETTINGS, profile={"Points": 10})

        assert world.path(grace)[1:] == ["hold>happened", "go>end", "(terminated)"]

    def test_asks_again_when_something_changes(self, world: World) -> None:
        grace = come_to(world, self.SETTINGS, profile={"Points": 1})
        world.tick(NOON + HOUR)
        assert world.path(grace)[-1] == "hold"

        world.now = NOON + HOUR
        world.set(grace, Points=9)
        world.tick(NOON + HOUR)
        assert world.path(grace)[-1] == "hold"
        assert world.place(grace).due_at == NOON + DAY

        world.set(grace, Points=10)
        world.tick(NOON + 2 * HOUR)
        assert world.path(grace)[1] == "hold>happened"

    @pytest.mark.parametrize(("points", "exit_name"), [(10, "happened"), (9, "timed_out")])
    def test_asks_last_at_the_time_out(self, world: World, points: int, exit_name: str) -> None:
        grace = come_to(world, self.SETTINGS)
        grace.profile = {str(world.fields["Points"].pk): points}
        grace.save()

        world.tick(NOON + DAY)

        assert world.path(grace)[1] == f"hold>{exit_name}"

    def test_may_ask_since_a_step(self, world: World, bought: ExternalEvent) -> None:
        grace = come_to(world, "filter: {event: {name: Bought, since: hold}}, timeout: P1D")
        buy(world, bought, grace, NOON + HOUR)

        world.tick(NOON + HOUR)

        assert world.path(grace)[1] == "hold>happened"


class TestSettings:
    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ({"event": "A", "order": {}}, ""),
            ({"event": "A", "filter": {"all": []}}, ""),
            ({"filter": {"all": []}, "where": {"name": "a", "is": 1}}, ""),
            ({"order": {"status": "Sent"}}, "order.status"),
            ({"message": {"did": "replied"}}, "message.did"),
            ({"sms": {"did": "opened"}}, "sms.did"),
            ({"event": "A", "where": {"is": 1}}, "where"),
            ({"event": "A", "where": {"name": "a", "in_last": "P3D"}}, "where"),
            ({"event": "A", "timeout": "soon"}, "timeout"),
            ({"event": "A", "timeout": "P6Y"}, "timeout"),
            ({"filter": {"purchase": {"within": "P3D"}}}, "filter.purchase.within"),
            ({"filter": {"not": {"any": [{"purchase": {}}, {"event": {"name": "A", "within": "P3D"}}]}}},
             "filter.not.any[1].event.within"),
            ({"filter": {"field": "Profile.Renewal", "in_next": "P3D"}}, "filter.in_next"),
            ({"filter": {"field": "Profile.Renewal", "in_last": "P3D"}}, "filter.in_last"),
            ({"filter": {"contact": "birthday", "anniversary_in": "P3D"}}, "filter.anniversary_in"),
            ({"filter": {"subscription": {"within": "P3D"}}}, "filter.subscription.within"),
            ({"filter": {"purchase": {"last": {"in_last": "P3D"}}}}, "filter.purchase.last.in_last"),
        ],
    )  # fmt: skip
    def test_refuse(self, written: dict[str, Any], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "hold", "wait_for": written})

        assert [fault.path for fault in refused.value.faults] == [
            f"wait_for.{path}".removesuffix(".")
        ]

    def test_say_what_to_do_instead(self) -> None:
        written = {"key": "hold", "wait_for": {"filter": {"purchase": {"within": "P3D"}}}}

        with pytest.raises(MalformedConversationError, match="use a wait and a filter"):
            parse_step(written)

    @pytest.mark.parametrize(
        ("written", "codes"),
        [
            ({}, ["empty_setting", "empty_setting"]),
            ({"event": "Bought", "timeout": "P1D"}, ["unknown_event"]),
            ({"event": "Order Imported"}, ["empty_setting"]),
            ({"message": {}, "timeout": "P1D"}, ["empty_setting"]),
            ({"sms": {}, "timeout": "P1D"}, ["empty_setting"]),
            ({"order": {}, "timeout": "P1D"}, []),
            ({"filter": {"field": "Profile.X", "is": 1}, "timeout": "P1D"}, ["rule"]),
        ],
    )
    def test_tell_what_is_missing(
        self, world: World, written: dict[str, Any], codes: list[str]
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": written})

        found = step.type.problems(step.config, ListNames(world.in_list))

        assert [problem.code for problem in found] == codes

    def test_refuse_a_segment_that_changes_by_time_alone(self, world: World) -> None:
        rules: dict[str, dict[str, Any]] = {
            "Buyers": {"purchase": {}},
            "Lately": {"purchase": {"within": "P9D"}},
            "Outer": {"not": {"segment": "Lately"}},
        }
        for name, rule in rules.items():
            Segment.objects.create(
                list=world.in_list, name=name, rule=rule, created_at=NOON, modified_at=NOON
            )
        filters = {name: {"segment": name} for name in ("Buyers", "Lately", "Outer")}

        found = {}
        for name, rule in filters.items():
            step = parse_step({"key": "hold", "wait_for": {"filter": rule, "timeout": "P1D"}})
            problems = step.type.problems(step.config, ListNames(world.in_list))
            found[name] = [problem.text for problem in problems]

        assert found["Buyers"] == []
        assert all("use a wait and a filter" in found[name][0] for name in ("Lately", "Outer"))

    @pytest.mark.parametrize(
        ("written", "sentence", "holds"),
        [
            ({"event": "Bought", "where": {"name": "total", "at_least": 5}, "timeout": "P3D"},
             "Wait for Bought where total is at least 5, at most 3 days", True),
            ({"order": {"status": "Shipped"}, "timeout": "P3D"},
             "Wait for an order Shipped, at most 3 days", True),
            ({"message": {"did": "opened", "step": "hello"}, "timeout": "PT2H"},
             "Wait for a message of step hello opened, at most 2 hours", True),
            ({"sms": {"did": "replied"}, "timeout": "PT2H"},
             "Wait for an answer to a text, at most 2 hours", True),
            ({"filter": {"field": "Profile.Points", "at_least": 5}, "timeout": "PT2H"},
             "Wait for Points is at least 5, at most 2 hours", False),
        ],
    )  # fmt: skip
    def test_come_back_and_are_said_in_words(
        self,
        written: dict[str, Any],
        sentence: str,
        holds: bool,  # noqa: FBT001
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": written})

        assert step.write() == {"key": "hold", "wait_for": written}
        assert step.type.sentence(step.config) == sentence
        assert step.type.holds(step.config) is holds

    @pytest.mark.parametrize(
        ("written", "heard"),
        [
            ({"event": "Order Imported"}, lambda world: ("external_event", world.event.pk, None)),
            ({"order": {}}, lambda _: ("order", None, None)),
            ({"message": {"did": "opened"}}, lambda _: ("receipt", None, None)),
            ({"message": {"did": "sent"}}, lambda _: ("delivery", None, None)),
            ({"sms": {"did": "replied"}}, lambda _: ("receipt", None, None)),
        ],
    )
    def test_say_what_is_heard(
        self, world: World, written: dict[str, Any], heard: Callable[[World], Any]
    ) -> None:
        step = parse_step({"key": "hold", "wait_for": {**written, "timeout": "P1D"}})

        compiled = step.type.compile(step.config, ListNames(world.in_list))

        assert step_types()["wait_for"].hears(compiled) == {heard(world)}
