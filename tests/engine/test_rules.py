"""How it moves, asked at its edges: instants, vanished contacts, chains of steps in one tick."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conductor.conversations.models import Enrollment, Visit
from conductor.conversations.names import ListNames
from contacts import filters
from contacts.models import Intake
from messaging.models import Delivery
from tests.engine.world import World, check_conservation
from tests.factories import OrderFactory

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


class TestInstants:
    @pytest.mark.parametrize(("early", "entered"), [(INSTANT, 1), (timedelta(), 2)])
    def test_of_reentry_is_included(self, world: World, early: timedelta, entered: int) -> None:
        world.live("", heading="reentry: {after: PT1H}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        later = world.now + timedelta(hours=1) - early
        world.happen(grace, at=later)
        world.tick(later)

        assert Enrollment.objects.count() == entered
        assert world.refusals() == ([] if entered == 2 else ["entered lately"])

    def test_of_a_timer_is_included(self, world: World) -> None:
        world.live("{key: pause, wait: {for: PT1S}}")
        grace, happened = world.person(), world.now
        world.happen(grace)
        world.tick()
        due = happened + timedelta(seconds=1)

        assert world.tick(due - INSTANT).rows == 0
        assert world.tick(due).claimed == 1

    def test_of_one_tick_is_the_same_for_all_it_passes(self, world: World) -> None:
        world.live(
            "{key: vip, action: {set_field: {field: Profile.Vip, value: 'on'}}}\n"
            "{key: ask, filter: {field: Profile.Vip, checked: true}}\n"
            "{key: hello, message: {saved_message: We miss you}}\n"
            "{key: one, wait: {for: P1D}}\n{key: two, wait: {for: P1D}}"
        )
        grace = world.person()
        happened, seen = world.now, world.now + 3 * DAY
        world.happen(grace, at=happened)
        world.tick(seen)

        assert {(v.arrived_at, v.left_at, v.due_at) for v in Visit.objects.all()} == {
            (seen, seen, None)
        }
        place = world.place(grace)
        assert (place.step_key, place.arrived_at, place.due_at) == ("one", seen, seen + DAY)
        # A late tick moves what follows and never bunches it.
        world.tick(seen + 9 * DAY)
        passed = Visit.objects.get(step_key="one")
        assert (passed.due_at, passed.left_at) == (seen + DAY, seen + 9 * DAY)
        assert world.place(grace).due_at == seen + 10 * DAY


class TestLocalTimes:
    def test_of_the_second_time_in_a_fold(self, world: World) -> None:
        # 1 November 2026, 01:30 in New York for the second time.
        world.now = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
        world.live(
            "{key: day, wait: {until_field: {field: Profile.Renewal}}}\n"
            "{key: pause, wait: {for: P1D}}"
        )
        grace = world.person(profile={"Renewal": "2026-11-01"})

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "day>next", "pause"]
        assert world.place(grace).due_at == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("birthday", "today", "next_one"),
        [
            ("2000-02-29", (2028, 2, 29), (2028, 2, 29)),
            ("2000-02-29", (2027, 2, 28), (2027, 2, 28)),
            ("2000-02-29", (2027, 3, 1), (2028, 2, 29)),
            ("2000-02-29", (2028, 2, 28), (2028, 2, 29)),
        ],
    )
    def test_of_a_birthday_on_29_february(
        self,
        world: World,
        birthday: str,
        today: tuple[int, int, int],
        next_one: tuple[int, int, int],
    ) -> None:
        world.now = datetime(*today, 12, tzinfo=UTC)
        until = "{field: Profile.Birthday, at: '18:00', year: next_occurrence}"
        world.live(f"{{key: pause, wait: {{until_field: {until}}}}}")
        grace = world.person(profile={"Birthday": birthday})

        world.happen(grace)
        world.tick()

        assert world.place(grace).due_at == datetime(*next_one, 23, tzinfo=UTC)


class TestAVanishedContact:
    @pytest.mark.parametrize(
        "wait",
        [
            "{for: P1D}",
            "{for: P1D, time_zone: contact}",
            "{until: '2026-12-24T09:00:00', time_zone: contact}",
            "{until_field: {field: Profile.Renewal}}",
        ],
    )
    def test_leaves_its_wait_when_the_time_has_come(self, world: World, wait: str) -> None:
        conversation = world.live(f"{{key: pause, wait: {wait}}}")
        grace = world.person(profile={"Renewal": "2026-12-01"})
        world.happen(grace)
        world.tick()
        due = world.place(grace).due_at
        grace_id = grace.pk
        grace.contact.delete()

        world.tick(due)

        gone = Enrollment.objects.get(subscription_id=grace_id)
        assert (gone.end_reason, gone.due_at) == ("terminated", None)
        check_conservation(conversation.pk)
        assert world.tick(due).rows == 0


class TestAPoisonedValue:
    def test_written_while_waiting_is_not_read_again(self, world: World) -> None:
        world.live("{key: pause, wait: {until_field: {field: Profile.Renewal, offset: P1D}}}")
        grace = world.person(profile={"Renewal": "2026-12-01"})
        world.happen(grace)
        world.tick()
        due = world.place(grace).due_at
        grace.profile = {str(world.fields["Renewal"].pk): "9999-12-31"}
        grace.save()

        world.tick(due)

        assert world.path(grace)[1] == "pause>next"


class TestFactsOfOneTick:
    def test_of_two_conversations_are_independent(self, world: World) -> None:
        world.live("")
        world.live("", heading="reentry: unlimited")
        grace = world.person()

        world.happen(grace, grace)

        assert world.tick().entered == 2
        assert world.queued() == 2
        assert world.tick().entered == 1
        assert world.refusals() == ["entered before"]

    def test_after_an_entry_stay_queued_with_all_they_carry(self, world: World) -> None:
        world.live("{key: pause, wait: {for: P1D}}")
        grace = world.person()
        world.happen(grace, properties={"turn": 1})
        world.happen(grace, properties={"turn": 2}, occurred_at=world.now - DAY)
        before = Intake.objects.order_by("-id").values().first()

        world.tick()

        assert Intake.objects.values().get() == before

    def test_of_a_contact_that_leaves_in_the_same_tick_find_it_inside(self, world: World) -> None:
        world.live("{key: pause, wait: {for: P1D}}", heading="reentry: unlimited")
        grace = world.person()
        world.happen(grace)
        world.tick()
        due = world.place(grace).due_at
        world.happen(grace, at=due)

        world.tick(due)

        assert world.refusals() == ["already in"]
        assert Enrollment.objects.get().end_reason == "terminated"


class TestExits:
    def test_lead_into_the_middle_of_another_thread_and_back_to_an_earlier_end(
        self, world: World
    ) -> None:
        other = (
            "  - thread: Other\n    steps:\n"
            "      - {key: second, trigger: none}\n"
            "      - {key: mail, message: {saved_message: We miss you}, exits: {next: stop}}\n"
            "      - {key: done, terminate: {goal: true}}\n"
        )
        conversation = world.live(
            "{key: ask, filter: {all: []}, exits: {next: mail}}\n{key: stop, terminate: {}}",
            threads=other,
        )
        grace = world.person(email="grace@mail.example")
        world.happen(grace)
        world.tick()

        assert world.path(grace) == [
            "start>next", "ask>next", "mail>next", "stop>end", "(terminated)",
        ]  # fmt: skip
        sent = Delivery.objects.get()
        assert (sent.thread, sent.step_key, sent.visit_number) == ("Other", "mail", 1)
        assert world.place(grace).entry_thread == "Main"
        check_conservation(conversation.pk)

    def test_of_a_message_in_a_loop_are_a_delivery_each(self, world: World) -> None:
        conversation = world.live(
            "{key: mail, message: {saved_message: We miss you}}\n"
            "{key: pause, wait: {for: P1D}}\n{key: again, go_to: {to: mail}}"
        )
        grace = world.person(email="grace@mail.example")
        world.happen(grace)
        moment: datetime = world.now
        for day in range(3):
            world.tick(moment + day * DAY)
            world.tick(moment + day * DAY)

        numbers = Delivery.objects.order_by("id").values_list("visit_number", flat=True)
        assert list(numbers) == [1, 2, 3]
        check_conservation(conversation.pk)


class TestCountingSince:
    """`since: entry` and since a step: the latest visit, this tick's included; none: false."""

    @pytest.mark.parametrize(
        ("rule", "days", "leaves_by"),
        [
            ("{purchase: {since: entry}}", -1, "otherwise"),
            ("{purchase: {since: entry}}", 0, "next"),
            ("{purchase: {since: entry, count: {at_most: 0}}}", -1, "next"),
            ("{purchase: {since: pause}}", 0, "next"),
            ("{purchase: {since: ask}}", 1, "otherwise"),
            ("{purchase: {since: ask}}", 2, "next"),
            # Never come to: false, and the opposite true.
            ("{purchase: {since: never}}", 1, "otherwise"),
            ("{purchase: {since: never, count: {at_most: 0}}}", 1, "otherwise"),
            ("{not: {purchase: {since: never}}}", 1, "next"),
            ("{event: {name: Order Imported, since: start}}", 1, "next"),
            ("{event: {name: Order Imported, since: ask}}", 1, "otherwise"),
        ],
    )
    def test_is_from_the_latest_arrival(
        self, world: World, rule: str, days: int, leaves_by: str
    ) -> None:
        world.live(
            f"{{key: pause, wait: {{for: P2D}}}}\n{{key: ask, filter: {rule}}}\n"
            "{key: stop, terminate: {}}\n{key: never, action: {set_field: "
            "{field: Profile.Note, value: x}}}"
        )
        grace, entered = world.person(), world.now
        world.happen(grace)
        world.tick()
        OrderFactory(contact=grace.contact, ordered_at=entered + days * DAY, recorded_at=entered)

        world.tick(entered + 2 * DAY)

        assert world.path(grace)[2] == f"ask>{leaves_by}"

    def test_is_from_the_latest_of_several_visits(self, world: World) -> None:
        world.live(
            "{key: pause, wait: {for: P1D}}\n"
            "{key: again, go_to: {to: pause, filter: {purchase: {since: pause}}}}"
        )
        grace, entered = world.person(), world.now
        world.happen(grace)
        OrderFactory(contact=grace.contact, ordered_at=entered, recorded_at=entered)
        for day in range(3):
            world.tick(entered + day * DAY)

        assert world.path(grace) == [
            "start>next", "pause>next", "again>match", "pause>next", "again>next", "end>end",
            "(terminated)",
        ]  # fmt: skip

    def test_is_of_each_contact_its_own(self, world: World) -> None:
        world.live("{key: pause, wait: {for: P1D}}\n{key: ask, filter: {purchase: {since: entry}}}")
        early, late = world.person(), world.person()
        world.happen(early)
        start = world.now
        world.tick(start)
        world.happen(late, at=start + DAY)
        for person in (early, late):
            moment = start + timedelta(hours=5)
            OrderFactory(contact=person.contact, ordered_at=moment, recorded_at=moment)
        world.tick(start + DAY)
        world.tick(start + 2 * DAY)

        assert world.path(early)[2] == "ask>next"
        assert world.path(late)[2] == "ask>otherwise"

    def test_is_nothing_before_the_entry(self, world: World) -> None:
        conversation = world.live("{key: pause, wait: {for: P1D}}")
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][0]["trigger"]["filter"] = {
            "any": [{"purchase": {"since": "pause"}}, {"purchase": {"since": "entry"}}]
        }
        world.publish(conversation, structure)
        before, now = world.person(), world.person()
        OrderFactory(contact=before.contact, ordered_at=world.now - DAY)
        OrderFactory(contact=now.contact, ordered_at=world.now, recorded_at=world.now)

        world.happen(before, now)

        assert world.tick().entered == 1
        assert world.place(now).step_key == "pause"

    @pytest.mark.parametrize("since", ["entry", "pause"])
    def test_is_false_of_those_in_no_conversation(self, world: World, since: str) -> None:
        OrderFactory(contact=world.person().contact)
        names = ListNames(world.in_list)

        def count(rule: dict[str, Any]) -> int:
            resolved = filters.resolve(filters.parse(rule), names)
            return filters.count(
                list=world.in_list, rule=resolved, time_zone="UTC", now=world.now + DAY
            )

        assert count({"purchase": {"since": since}}) == 0
        assert count({"purchase": {"since": since, "count": {"at_most": 9}}}) == 0
        assert count({"not": {"purchase": {"since": since}}}) == 1
