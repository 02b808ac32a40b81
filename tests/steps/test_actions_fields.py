"""Acts that write a field: differences, random groups, copies; what is gone; who hears."""

import threading
from typing import Any

import pytest
from django.db import connections

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.document import parse_document
from conductor.conversations.models import Enrollment
from conductor.conversations.names import ListNames
from conductor.engine.tick import run_tick
from conductor.steps import draw
from contacts.models import Intake, ProfileField, Subscription
from tests.engine.world import World
from tests.steps.acting import act, drawn, profile_of, run, started_by


class TestSetDifference:
    # Noon in UTC of 18 November 2026 is the morning of that day in New York.
    @pytest.mark.parametrize(
        ("unit", "since", "number"),
        [
            ("days", "2026-11-18", 0),
            ("days", "2026-11-08", 10),
            ("days", "2026-11-28", -10),
            ("weeks", "2026-10-29", 2),
            ("weeks", "2026-11-05", 1),
            ("weeks", "2026-12-08", -2),
            ("months", "2026-10-18", 1),
            ("months", "2026-10-19", 0),
            ("months", "2025-11-18", 12),
            ("months", "2027-01-17", -1),
            ("months", "2027-01-18", -2),
        ],
    )
    def test_counts_whole_units(self, world: World, unit: str, since: str, number: int) -> None:
        world.live(
            act(
                "set_difference: {field: Profile.Points, from_field: Profile.Birthday, "
                f"unit: {unit}}}"
            )
        )
        grace = world.person(profile={"Birthday": since})

        run(world, grace)

        assert profile_of(world, grace) == {"Birthday": since, "Points": number}

    def test_ends_a_month_with_the_last_day_of_a_shorter_one(self, world: World) -> None:
        world.live(
            act(
                "set_difference: {field: Profile.Points, from_field: Profile.Birthday, unit: months}"
            )
        )
        grace = world.person(profile={"Birthday": "2026-08-31"})
        world.now = world.now.replace(month=9, day=30)

        run(world, grace)

        assert profile_of(world, grace)["Points"] == 1

    def test_clears_the_number_where_there_is_no_date(self, world: World) -> None:
        world.live(act("set_difference: {field: Profile.Points, from_field: Profile.Birthday}"))
        grace = world.person(profile={"Points": 4})

        run(world, grace)

        assert profile_of(world, grace) == {}

    def test_holds_only_who_has_a_poisoned_date(self, world: World) -> None:
        world.live(act("set_difference: {field: Profile.Points, from_field: Profile.Birthday}"))
        good = world.person(profile={"Birthday": "2026-11-17"})
        bad = world.person(profile={"Birthday": "soon"})

        run(world, good, bad)

        assert profile_of(world, good)["Points"] == 1
        assert world.place(bad).held_reason.startswith("step_error 22")

    def test_reads_the_calendar_of_the_conversation(self, world: World) -> None:
        world.live(
            act("set_difference: {field: Profile.Points, from_field: Profile.Birthday}"),
            heading="time_zone: Pacific/Kiritimati",
        )
        grace = world.person(profile={"Birthday": "2026-11-18"})

        run(world, grace)

        assert profile_of(world, grace)["Points"] == 1


class TestRandomGroup:
    def test_is_the_draw_of_the_visit(self, world: World) -> None:
        conversation = world.live(act("random_group: {field: Profile.Points, groups: 3}"))
        people = [world.person() for _ in range(75)]  # a group of nobody: one in 10^12

        run(world, *people)

        expected = [
            1
            + draw(
                conversation_id=conversation.pk,
                subscription_id=person.pk,
                entry_number=1,
                step_key="act",
                visit_number=1,
            )
            % 3
            for person in people
        ]
        assert [profile_of(world, person)["Points"] for person in people] == expected
        assert set(expected) == {1, 2, 3}

    def test_draws_anew_at_the_next_entry(self, world: World) -> None:
        conversation = world.live(
            act("random_group: {field: Profile.Points, groups: 100}"), heading="reentry: unlimited"
        )
        grace = world.person()
        run(world, grace)

        run(world, grace)

        assert (
            profile_of(world, grace)["Points"]
            == 1
            + draw(
                conversation_id=conversation.pk,
                subscription_id=grace.pk,
                entry_number=2,
                step_key="act",
                visit_number=1,
            )
            % 100
        )


class TestVanishedField:
    @pytest.mark.parametrize(
        "written",
        [
            "set_field: {field: Profile.Note, value: hi}",
            "set_field: {field: Profile.Mobile, value: {from_field: Profile.Note}}",
            "set_field: {field: Profile.Points, value: {from_field: Profile.Note}}",
        ],
    )
    def test_holds_everybody_with_a_reason(self, world: World, written: str) -> None:
        world.live(act(written))
        grace = world.person(profile={"Note": "5"})
        ProfileField.objects.filter(pk=world.fields["Note"].pk).delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the field is gone"

    @pytest.mark.parametrize(
        "written",
        [
            "set_date: {field: Profile.Renewal}",
            "set_difference: {field: Profile.Points, from_field: Profile.Renewal}",
        ],
    )
    def test_holds_at_every_kind_of_writing(self, world: World, written: str) -> None:
        world.live(act(written))
        grace = world.person()
        ProfileField.objects.filter(pk=world.fields["Renewal"].pk).delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the field is gone"


class TestHearing:
    def test_wakes_who_waits_and_starts_nobody(self, world: World) -> None:
        waiting = world.live(
            "{key: pause, wait: {for: P9D}}", heading="exit_when: {field: Profile.Note, is: hi}"
        )
        started_by(world, "Started", "{list: profile_updated}")
        world.live(act("set_field: {field: Profile.Note, value: hi}"))
        grace = world.person()

        run(world, grace)

        queued = list(Intake.objects.values_list("conversation_id", "kind", "method", "depth"))
        assert queued == [(waiting.pk, "wake", "profile_updated", 1)]

    def test_is_silent_where_nothing_changes(self, world: World) -> None:
        world.live(
            "{key: pause, wait: {for: P9D}}", heading="exit_when: {field: Profile.Note, is: no}"
        )
        world.live(act("set_field: {field: Profile.Note, value: hi}"))
        grace = world.person(profile={"Note": "hi"})
        before = Subscription.objects.get(pk=grace.pk).updated_at

        run(world, grace)

        assert Intake.objects.count() == 0
        assert Subscription.objects.get(pk=grace.pk).updated_at == before


class TestProblems:
    @pytest.mark.parametrize(
        ("written", "path", "code"),
        [
            ("set_difference: {field: Profile.Note, from_field: Profile.Birthday}", "set_difference.field", "wrong_type"),
            ("set_difference: {field: Profile.Points, from_field: Profile.Note}", "set_difference.from_field", "wrong_type"),
            ("set_difference: {}", "set_difference.field", "empty_setting"),
            ("random_group: {field: Profile.Note, groups: 2}", "random_group.field", "wrong_type"),
            ("random_group: {field: Profile.Points}", "random_group.groups", "empty_setting"),
            ("random_group: {field: Profile.No, groups: 2}", "random_group.field", "unknown_field"),
            ("set_coupon: {pool: Nowhere, field: Profile.Note}", "set_coupon.pool", "unknown_pool"),
            ("set_coupon: {field: Profile.Note}", "set_coupon.pool", "empty_setting"),
            ("raise_event: Nowhere", "raise_event", "unknown_event"),
            ("raise_event: ''", "raise_event", "empty_setting"),
            ("subscribe: Nowhere", "subscribe", "unknown_list"),
            ("unsubscribe: Nowhere", "unsubscribe", "unknown_list"),
            ("unsubscribe: ''", "unsubscribe", "empty_setting"),
            ("enroll: {conversation: Nowhere, thread: Main}", "enroll.conversation", "unknown_conversation"),
            ("enroll: {}", "enroll.conversation", "empty_setting"),
            ("add_to_segment: Nowhere", "add_to_segment", "unknown_segment"),
            ("remove_from_segment: ''", "remove_from_segment", "empty_setting"),
        ],
    )  # fmt: skip
    def test_are_at_their_setting(self, world: World, written: str, path: str, code: str) -> None:
        conversation = drawn(world, "C", "none", act(written))
        step = parse_document(conversation.draft).steps()["act"]

        found = step.type.problems(step.config, ListNames(world.in_list))

        assert (path, code) in [(problem.path, problem.code) for problem in found]


@pytest.mark.django_db(transaction=True)
class TestCopying:
    def test_copies_what_another_transaction_has_just_written(
        self, acme: Account, now: Any
    ) -> None:
        """The tick waits for a row that is being changed, and copies the value it then has."""
        with in_account(acme.pk):
            world = World(now)
            world.live(act("set_field: {field: Profile.Points, value: {from_field: Profile.Note}}"))
            grace = world.person(profile={"Note": "1"})
            world.happen(grace)

        def tick() -> None:
            with in_account(acme.pk):
                run_tick(now=now, limit=10)
            connections.close_all()

        with in_account(acme.pk):
            locked = Subscription.objects.select_for_update(of=("self",)).get(pk=grace.pk)
            other = threading.Thread(target=tick, daemon=True)
            other.start()
            other.join(1)
            assert other.is_alive()
            locked.profile = {str(world.fields["Note"].pk): "2"}
            locked.save()
        other.join(120)

        with in_account(acme.pk):
            assert profile_of(world, grace) == {"Note": "2", "Points": 2}
            assert Enrollment.objects.get().held_reason == ""
