"""Faults: one bad contact holds itself; a circle is found; a retry runs the step again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conductor.conversations.actions.held import end_held, retry_held
from conductor.conversations.models import Conversation, Enrollment, Tally
from conductor.engine.faults import Fault, find_culprits
from conductor.steps import HERE
from conductor.steps.filter import Filter
from contacts import filters
from contacts.actions.segments import create_segment
from contacts.models import ProfileField, Segment
from tests.engine.world import World, check_conservation
from tests.factories import ExternalEventFactory

ACT = "{key: act, action: {set_field: {field: Profile.Note, value: hi}}}"


class TestStepErrors:
    def test_hold_the_culprits_and_move_the_rest(self, world: World) -> None:
        conversation = world.live(
            "{key: late, wait: {until_field: {field: Profile.Renewal, offset: P1Y}}}"
        )
        people = [world.person(profile={"Renewal": "2026-12-01"}) for _ in range(20)]
        bad = [people[3], people[11], people[12]]
        for person in bad:
            person.profile = {str(world.fields["Renewal"].pk): "9999-12-31"}
            person.save()

        world.happen(*people)
        world.tick()

        for person in people:
            place = world.place(person)
            held = "step_error 22007" if person in bad else ""
            assert (place.step_key, place.held_reason) == ("late", held)
            assert (place.due_at is None) == bool(held)
        check_conservation(conversation.pk)

    def test_refuse_a_fact_whose_trigger_filter_errs(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation = world.live("")
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][0]["trigger"]["filter"] = {
            "field": "Profile.Points",
            "at_least": 1,
        }
        world.publish(conversation, structure)
        people = [world.person(profile={"Points": points}) for points in (1, 2, 3, 4, 5)]
        # A rule whose SQL divides by zero for one of them.
        monkeypatch.setattr(filters, "condition", lambda *_rule, **_how: DIVIDES)
        monkeypatch.setitem(DIVIDES.params, "field", str(world.fields["Points"].pk))

        world.happen(*people)
        done = world.tick()

        assert done.entered == 4
        assert world.refusals() == ["step_error 22012"]


class TestFaultsOfOurs:
    def test_hold_the_culprit_and_count_the_others_once(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation = world.live("{key: ask, filter: {all: []}}")
        people = [world.person() for _ in range(9)]
        run = Filter.execute

        def err(step: Filter, arrivals: Any) -> None:
            here = arrivals.fetch(f"SELECT arrivals.subscription_id FROM arrivals WHERE {HERE}")
            arrivals.tally("asked", len(here))
            run(step, arrivals)
            if (people[4].pk,) in here:
                raise ValueError("A fault that nobody has thought of.")

        monkeypatch.setattr(Filter, "execute", err)

        world.happen(*people)
        world.tick()

        held = Enrollment.objects.exclude(held_reason="").get()
        assert (held.subscription_id, held.held_reason) == (people[4].pk, "step_error ValueError")
        tally = Tally.objects.get()
        assert (tally.step_key, tally.name, tally.total) == ("ask", "asked", 8)
        check_conservation(conversation.pk)

    def test_add_up_what_is_counted(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.live("{key: ask, filter: {all: []}}", heading="reentry: unlimited")
        run = Filter.execute

        def count(step: Filter, arrivals: Any) -> None:
            arrivals.tally("asked", 2)
            run(step, arrivals)

        monkeypatch.setattr(Filter, "execute", count)
        grace = world.person()

        for _ in range(2):
            world.happen(grace)
            world.tick()

        assert Tally.objects.values_list("total", "last_at").get() == (4, world.now)


class TestVanished:
    @pytest.mark.parametrize(
        ("gone", "reason"),
        [
            (filters.VanishedError("the segment is gone"), "step_error the segment is gone"),
            (ProfileField.DoesNotExist(), "step_error what the step names is gone"),
        ],
    )
    def test_holds_those_who_come_to_the_step(
        self, world: World, monkeypatch: pytest.MonkeyPatch, gone: Exception, reason: str
    ) -> None:
        conversation = world.live("{key: ask, filter: {all: []}}")

        def err(_step: Filter, _arrivals: Any) -> None:
            raise gone

        monkeypatch.setattr(Filter, "execute", err)
        people = [world.person() for _ in range(3)]

        world.happen(*people)
        world.tick()

        assert {world.place(person).held_reason for person in people} == {reason}
        check_conservation(conversation.pk)

    def test_segment_of_a_trigger_refuses_the_fact(self, world: World) -> None:
        segment = Segment.objects.create(
            list=world.in_list,
            name="Gone soon",
            kind="manual",
            created_at=world.now,
            modified_at=world.now,
        )
        start = (
            "{key: start, trigger: {external_event: Order Imported, filter: {segment: Gone soon}}}"
        )
        world.live("", start=start)
        Segment.objects.filter(pk=segment.pk).delete()

        world.happen(world.person(), world.person())
        world.tick()

        assert world.refusals() == ["step_error the segment is gone"] * 2


class TestVanishedFromARule:
    """What a rule names and what is gone since the publish is not read as empty."""

    RULES = (
        ("{not: {field: Profile.Points, at_least: 10}}", "the field is gone"),
        ("{not: {event: {name: Cart}}}", "the event is gone"),
        ("{not: {segment: Nested}}", "the field is gone"),
    )

    @pytest.fixture
    def lose(self, world: World) -> Callable[[], None]:
        """Return what deletes a field, an event, and the field of a segment's rule."""
        event = ExternalEventFactory(list=world.in_list, name="Cart")
        rule = {"field": "Profile.Points", "at_least": 10}
        create_segment(list=world.in_list, name="Nested", rule=rule, now=world.now)

        def lose_both() -> None:
            world.fields["Points"].delete()
            event.delete()

        return lose_both

    @pytest.mark.parametrize(("rule", "reason"), RULES)
    def test_of_a_trigger_refuses_the_fact(
        self, world: World, lose: Callable[[], None], rule: str, reason: str
    ) -> None:
        world.live(
            "", start=f"{{key: start, trigger: {{external_event: Order Imported, filter: {rule}}}}}"
        )
        world.live("")
        lose()

        world.happen(world.person())
        world.tick()

        assert world.refusals() == [f"step_error {reason}"]
        assert Enrollment.objects.get().end_reason == "terminated"

    @pytest.mark.parametrize("heading", ["goal", "exit_when"])
    @pytest.mark.parametrize(("rule", "reason"), RULES)
    def test_of_a_goal_or_exit_rule_holds_the_woken(
        self, world: World, lose: Callable[[], None], heading: str, rule: str, reason: str
    ) -> None:
        world.live(
            "{key: pause, wait: {for: P9D}}",
            heading=f"{heading}: {{all: [{rule}, {{field: Profile.Note, is: x}}]}}",
        )
        world.live("{key: rest, wait: {for: P9D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        lose()

        world.tell("profile_updated", grace, properties={"fields": []})
        world.tell("added", grace)
        world.queue(Conversation.objects.earliest("pk"), "wake", grace, method="added")
        world.tick()

        places = Enrollment.objects.order_by("conversation_id").values_list(
            "step_key", "held_reason"
        )
        assert list(places) == [("pause", f"step_error {reason}"), ("rest", "")]

    @pytest.mark.parametrize(("rule", "reason"), RULES)
    def test_of_a_step_holds_who_comes_to_it(
        self, world: World, lose: Callable[[], None], rule: str, reason: str
    ) -> None:
        world.live(f"{{key: ask, filter: {rule}}}")
        world.live("")
        lose()

        world.happen(world.person())
        world.tick()

        held, passed = Enrollment.objects.order_by("conversation_id")
        assert held.held_reason.removeprefix("step_error ") == reason
        assert passed.end_reason == "terminated"


class TestTooMuch:
    def test_for_one_row_holds_that_row(self, world: World) -> None:
        # A text longer than PostgreSQL makes one.
        text = "repeat('x', 2000000000 - subscription.id::integer)"
        huge = f"CASE WHEN subscription.id = {{}} THEN length({text}) > 1 ELSE TRUE END"
        conversation = world.live("{key: ask, filter: {all: []}}")
        people = [world.person() for _ in range(5)]
        with pytest.MonkeyPatch.context() as patch:
            condition = filters.Condition(huge.format(people[1].pk), {})
            patch.setattr(filters, "condition", lambda *_rule, **_how: condition)

            world.happen(*people)
            world.tick()

        held = Enrollment.objects.exclude(held_reason="").get()
        assert held.subscription_id == people[1].pk
        assert held.held_reason == "step_error 54000"
        assert Enrollment.objects.filter(end_reason="terminated").count() == 4
        check_conservation(conversation.pk)


# 1 / (points - 3) is at least -1: true of all but the one for whom it is nothing.
DIVIDES = filters.Condition(
    "1 / ((subscription.profile ->> %(field)s)::integer - 3) >= -1", {"field": ""}
)


class TestFindCulprits:
    @pytest.mark.parametrize("bad", [{1}, {16}, {7, 8}, {1, 9, 16}, set(range(1, 17))])
    def test_finds_each_bad_row_and_passes_the_others_once(self, bad: set[int]) -> None:
        passed: list[int] = []

        fault = Fault("step_error 22012")

        def attempt(first: int, last: int) -> Fault | None:
            here = set(range(first, last + 1))
            if here & bad:
                return fault
            passed.extend(here)
            return None

        found = find_culprits(list(range(1, 17)), attempt, fault)

        assert found == [(row, fault) for row in sorted(bad)]
        assert sorted(passed) == sorted(set(range(1, 17)) - bad)


class TestLoop:
    def test_is_held_after_a_hundred_visits(self, world: World) -> None:
        # Publishing refuses such a loop; a wait that releases at once makes one all the same.
        conversation = world.live(
            "{key: past, wait: {until: '2020-01-01T00:00:00Z'}}\n{key: again, go_to: {to: past}}"
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        place = world.place(grace)
        assert (place.held_reason, place.due_at, place.ended_at) == ("loop", None, None)
        assert len(world.path(grace)) == 101
        check_conservation(conversation.pk)


class TestRetry:
    def test_runs_the_step_again(self, world: World) -> None:
        conversation = world.live(
            "{key: act, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}"
        )
        grace = world.person(profile={"Note": "many"})
        world.happen(grace)
        world.tick()
        assert world.place(grace).held_reason == "step_error 22P02"
        grace.profile[str(world.fields["Note"].pk)] = "7"
        grace.save()

        assert retry_held(conversation=conversation, now=world.now) == 1
        world.tick()

        assert world.path(grace) == ["start>next", "act>next", "end>end", "(terminated)"]
        grace.refresh_from_db()
        assert grace.profile[str(world.fields["Points"].pk)] == 7
        check_conservation(conversation.pk)

    def test_is_none_for_those_who_wait(self, world: World) -> None:
        conversation = world.live("{key: pause, wait: {for: P3D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        assert retry_held(conversation=conversation, now=world.now) == 0
        assert end_held(conversation=conversation, now=world.now) == 0
        assert world.place(grace).due_at == world.now + timedelta(days=3)

    def test_or_an_end_by_hand(self, world: World) -> None:
        conversation = world.live(
            "{key: act, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}"
        )
        grace = world.person(profile={"Note": "many"})
        world.happen(grace)
        world.tick()

        assert end_held(conversation=conversation, now=world.now) == 1
        assert end_held(conversation=conversation, now=world.now) == 0
        world.tick()

        assert world.path(grace) == ["start>next", "act>end", "(by hand)"]
        check_conservation(conversation.pk)

    def test_lets_a_wait_count_from_the_arrival(self, world: World) -> None:
        world.live("{key: pause, wait: {for: P3D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        arrived = world.now
        Enrollment.objects.update(
            held_reason="step_error 22008", due_at=arrived + timedelta(days=1)
        )

        world.tick(arrived + timedelta(days=1))

        place = world.place(grace)
        assert (place.due_at, place.held_reason) == (arrived + timedelta(days=3), "")


class TestBrokenStep:
    def test_holds_everybody_there_and_nobody_elsewhere(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = world.live("{key: ask, filter: {all: []}}")
        sound = world.live(ACT)
        monkeypatch.setattr(
            Filter, "execute", lambda _step, arrivals: arrivals.run("UPDATE arrivals SET no = 1")
        )
        people = [world.person() for _ in range(3)]

        world.happen(*people)
        world.tick()

        held = Enrollment.objects.filter(conversation=broken)
        assert {row.held_reason for row in held} == {"step_error 42703"}
        assert Enrollment.objects.filter(conversation=sound, end_reason="terminated").count() == 3
        check_conservation(broken.pk)
