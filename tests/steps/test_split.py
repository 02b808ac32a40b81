"""Multivariate Test: who comes into which group, and keeps it."""

from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.models import Enrollment
from conductor.conversations.reading import MalformedConversationError
from conductor.steps import draw
from contacts.models import Intake, Listener
from tests.engine.world import World

HALVES = "{name: A, weight: 50}, {name: B, weight: 50}"


def live(world: World, groups: str, more: str = "") -> int:
    """Publish a test of these groups; return the conversation's id."""
    return int(world.live(f"{{key: test, split: {{groups: [{groups}]{more}}}}}").pk)


class TestGroups:
    @pytest.mark.parametrize(
        ("groups", "bounds"),
        [
            (HALVES, {"A": 5000, "B": 10_000}),
            (
                "{name: A, weight: 1}, {name: B, weight: 0}, {name: C c, weight: 99}",
                {"A": 100, "B": 100, "C c": 10_000},
            ),
            ("{name: All, weight: 100}", {"All": 10_000}),
        ],
    )
    def test_follow_from_the_draw(self, world: World, groups: str, bounds: dict[str, int]) -> None:
        conversation_id = live(world, groups)
        people = [world.person() for _ in range(60)]

        world.happen(*people)
        world.tick()

        for person in people:
            drawn = draw(
                conversation_id=conversation_id,
                subscription_id=person.pk,
                entry_number=1,
                step_key="test",
                visit_number=1,
            )
            expected = next(name for name, bound in bounds.items() if drawn < bound)
            assert world.path(person)[1] == f"test>{expected}"

    def test_are_drawn_anew_at_each_visit(self, world: World) -> None:
        conversation_id = world.live(
            f"{{key: test, split: {{groups: [{HALVES}]}}}}\n{{key: pause, wait: {{for: P1D}}}}\n"
            "{key: again, go_to: {to: test}}"
        ).pk
        grace = world.person()
        world.happen(grace)
        world.tick()

        for _ in range(5):
            world.tick(world.place(grace).due_at)

        exits = [step for step in world.path(grace) if step.startswith("test>")]
        assert exits == [
            "test>A"
            if draw(
                conversation_id=conversation_id,
                subscription_id=grace.pk,
                entry_number=1,
                step_key="test",
                visit_number=visit,
            )
            < 5000
            else "test>B"
            for visit in range(1, 7)
        ]


class TestStore:
    STORED = ", store: Profile.Note"

    def test_writes_the_group_into_the_field(self, world: World) -> None:
        live(world, HALVES, self.STORED)
        people = [world.person(profile={"Points": 1}) for _ in range(20)]

        world.happen(*people)
        world.tick()

        for person in people:
            person.refresh_from_db()
            group = world.path(person)[1].removeprefix("test>")
            assert person.profile == {
                str(world.fields["Note"].pk): group,
                str(world.fields["Points"].pk): 1,
            }

    @pytest.mark.parametrize("kept", ["A", "B"])
    def test_keeps_a_group_that_is_there(self, world: World, kept: str) -> None:
        live(world, HALVES, self.STORED)
        people = [world.person(profile={"Note": kept}) for _ in range(20)]

        world.happen(*people)
        world.tick()

        assert {world.path(person)[1] for person in people} == {f"test>{kept}"}

    def test_replaces_a_group_that_is_no_more(self, world: World) -> None:
        live(world, "{name: All, weight: 100}", self.STORED)
        grace = world.person(profile={"Note": "Former"})

        world.happen(grace)
        world.tick()

        grace.refresh_from_db()
        assert grace.profile == {str(world.fields["Note"].pk): "All"}

    def test_tells_those_who_watch_and_lets_nobody_in(self, world: World) -> None:
        conversation_id = live(world, "{name: All, weight: 100}", self.STORED)
        for role in ("watch", "trigger"):
            Listener.objects.create(
                conversation_id=conversation_id,
                list=world.in_list,
                kind="profile_updated",
                role=role,
            )
        grace, done = world.person(), world.person(profile={"Note": "All"})

        world.happen(grace, done)
        world.tick()

        queued = Intake.objects.get()
        assert (queued.kind, queued.method) == ("wake", "profile_updated")
        assert (queued.subscription_id, queued.depth) == (grace.pk, 1)
        assert queued.properties == {"fields": [str(world.fields["Note"].pk)]}

    def test_holds_everybody_when_the_field_is_gone(self, world: World) -> None:
        live(world, HALVES, self.STORED)
        grace = world.person()
        world.fields["Note"].delete()

        world.happen(grace)
        world.tick()

        assert Enrollment.objects.get().held_reason == "the field is gone"


class TestSettings:
    @pytest.mark.parametrize(
        ("groups", "path"),
        [
            ([{"name": "A", "weight": 60}, {"name": "B", "weight": 60}], "split"),
            ([{"name": "A", "weight": 50}, {"name": "A", "weight": 50}], "split"),
            ([{"name": "A", "weight": 99.5}], "split.groups[0].weight"),
            ([{"name": "A", "weight": -1}], "split.groups[0].weight"),
            ([{"name": "", "weight": 100}], "split.groups[0].name"),
            ([{"name": "end", "weight": 100}], "split.groups[0].name"),
            ([{"weight": 100}], "split.groups[0].name"),
        ],
    )
    def test_refuse(self, groups: list[dict[str, Any]], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "test", "split": {"groups": groups}})

        assert [fault.path for fault in refused.value.faults] == [path]

    @pytest.mark.parametrize(
        ("store", "code"),
        [("Profile.Note", None), ("Profile.Points", "wrong_type"), ("Profile.X", "unknown_field")],
    )
    def test_need_a_field_for_texts(self, world: World, store: str, code: str | None) -> None:
        from conductor.conversations.names import ListNames

        step = parse_step(
            {"key": "test", "split": {"groups": [{"name": "A", "weight": 100}], "store": store}}
        )

        found = step.type.problems(step.config, ListNames(world.in_list))

        assert [problem.code for problem in found] == ([code] if code else [])
