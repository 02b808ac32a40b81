"""Faults: one bad contact holds itself; a circle is found; a retry runs the step again."""

from datetime import timedelta

import pytest

from conductor.conversations.actions.held import end_held, retry_held
from conductor.conversations.models import Enrollment
from conductor.engine.faults import Fault, find_culprits
from conductor.steps.filter import Filter
from contacts import filters
from tests.engine.world import World, check_conservation

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

        assert retry_held(held=Enrollment.objects.all(), now=world.now) == 1
        world.tick()

        assert world.path(grace) == ["start>next", "act>next", "end>end", "(terminated)"]
        grace.refresh_from_db()
        assert grace.profile[str(world.fields["Points"].pk)] == 7
        check_conservation(conversation.pk)

    def test_is_none_for_those_who_wait(self, world: World) -> None:
        world.live("{key: pause, wait: {for: P3D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        assert retry_held(held=Enrollment.objects.all(), now=world.now) == 0
        assert end_held(held=Enrollment.objects.all(), now=world.now) == 0
        assert world.place(grace).due_at == world.now + timedelta(days=3)

    def test_or_an_end_by_hand(self, world: World) -> None:
        conversation = world.live(
            "{key: act, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}"
        )
        grace = world.person(profile={"Note": "many"})
        world.happen(grace)
        world.tick()

        assert end_held(held=Enrollment.objects.all(), now=world.now) == 1

        assert world.path(grace) == ["start>next", "act>end", "(ended by hand)"]
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
