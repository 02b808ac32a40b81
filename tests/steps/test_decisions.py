"""Filter, Go To and Terminate: contacts in, exits out."""

import pytest

from conductor.conversations.models import Enrollment, Tally
from tests.engine.world import World, check_conservation


class TestFilter:
    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            ("{field: Profile.Points, at_least: 10}", ["ask>next", "end>end", "(terminated)"]),
            ("{field: Profile.Points, at_least: 11}", ["ask>otherwise", "(otherwise)"]),
            ("{contact: first_name, is: grace}", ["ask>next", "end>end", "(terminated)"]),
            ("{subscription: {state: Unsubscribed}}", ["ask>otherwise", "(otherwise)"]),
            ("{entry: {event: Order Imported}}", ["ask>next", "end>end", "(terminated)"]),
            (
                "{entry: {event: Order Imported, property: {name: total, at_least: 50}}}",
                ["ask>otherwise", "(otherwise)"],
            ),
        ],
    )
    def test_tells_apart(self, world: World, rule: str, path: list[str]) -> None:
        world.live(f"{{key: ask, filter: {rule}}}")
        grace = world.person(profile={"Points": 10})

        world.happen(grace, properties={"total": 49})
        world.tick()

        assert world.path(grace) == ["start>next", *path]

    @pytest.mark.parametrize(
        ("zone", "rule", "counted"),
        [
            ("contact", "{field: Profile.Renewal, in_next: P7D}", 2),
            ("contact", "{field: Profile.Renewal, empty: true}", 0),
            ("account", "{field: Profile.Renewal, in_next: P7D}", 0),
        ],
    )
    def test_counts_who_has_no_calendar_of_their_own_where_it_is_read(
        self, world: World, zone: str, rule: str, counted: int
    ) -> None:
        conversation = world.live(f"{{key: ask, filter: {rule}}}", heading=f"time_zone: {zone}")
        people = [world.person(time_zone=zone) for zone in ("", "Mars/Base", "Europe/Rome")]

        world.happen(*people)
        world.tick()

        found = Tally.objects.filter(conversation=conversation).values_list("name", "total")
        assert list(found) == ([("zone fallback", counted)] if counted else [])

    def test_leads_the_others_where_the_exit_says(self, world: World) -> None:
        world.live(
            "{key: ask, filter: {field: Profile.Vip, checked: true}, exits: {otherwise: sorry}}\n"
            "{key: stop, terminate: {goal: true}}\n{key: sorry, terminate: {}}"
        )
        vip, other = world.person(profile={"Vip": "on"}), world.person(profile={"Vip": "off"})

        world.happen(vip, other)
        world.tick()

        assert world.path(vip)[1:] == ["ask>next", "stop>end", "(goal)"]
        assert world.path(other)[1:] == ["ask>otherwise", "sorry>end", "(terminated)"]

    def test_ends_who_has_vanished_from_the_list_and_moves_the_others(self, world: World) -> None:
        conversation = world.live("{key: pause, wait: {for: P1D}}\n{key: ask, filter: {all: []}}")
        grace, ada = world.person(), world.person()
        world.happen(grace, ada)
        world.tick()
        due = world.place(grace).due_at
        grace_id = grace.pk
        grace.delete()

        world.tick(due)

        gone = Enrollment.objects.get(subscription_id=grace_id)
        assert (gone.step_key, gone.end_reason, gone.due_at) == ("ask", "contact deleted", None)
        assert world.path(ada)[-1] == "(terminated)"
        check_conservation(conversation.pk)

    @pytest.mark.parametrize(
        "step",
        [
            "filter: {field: Profile.Points, is: 1}",
            "if: {branches: [{name: a, filter: {any: [{not: {field: Profile.Points, is: 1}}]}}]}",
            "go_to: {to: end, filter: {field: Profile.Points, is: 1}}",
            "wait_for: {filter: {field: Profile.Points, is: 1}, timeout: P1D}",
        ],
    )
    def test_holds_everybody_when_a_field_is_gone(self, world: World, step: str) -> None:
        world.live(f"{{key: ask, {step}}}")
        grace = world.person(profile={"Points": 1})
        world.fields["Points"].delete()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "ask"]
        assert world.place(grace).held_reason == "the field is gone"


class TestGoTo:
    def test_jumps_over_steps(self, world: World) -> None:
        world.live(
            "{key: jump, go_to: {to: end}}\n{key: never, message: {saved_message: We miss you}}"
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "jump>match", "end>end", "(terminated)"]

    def test_takes_only_those_who_match(self, world: World) -> None:
        world.live(
            "{key: jump, go_to: {to: end, filter: {field: Profile.Points, more_than: 5}}}\n"
            "{key: pause, wait: {for: P1D}}"
        )
        rich, poor = world.person(profile={"Points": 9}), world.person()

        world.happen(rich, poor)
        world.tick()

        assert world.path(rich)[1] == "jump>match"
        assert world.path(poor)[1:] == ["jump>next", "pause"]

    def test_goes_round_with_a_wait_and_counts_the_visits(self, world: World) -> None:
        conversation = world.live(
            "{key: pause, wait: {for: P1D}}\n{key: again, go_to: {to: pause}}"
        )
        grace = world.person()
        world.happen(grace)
        world.tick()

        for _ in range(3):
            world.tick(world.place(grace).due_at)

        place = world.place(grace)
        assert (place.step_key, place.visit_number) == ("pause", 4)
        assert place.visit_counts == {"pause": 4, "again": 3}
        check_conservation(conversation.pk)

    def test_enters_another_thread_by_its_middle(self, world: World) -> None:
        world.live(
            "{key: jump, go_to: {to: later}}",
            threads=(
                "  - thread: Other\n    steps:\n      - {key: idle, trigger: {none: true}}\n"
                "      - {key: first, message: {saved_message: We miss you}}\n"
                "      - {key: later, wait: {for: P1D}}\n      - {key: done, terminate: {}}\n"
            ),
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "jump>match", "later"]
        assert world.place(grace).entry_thread == "Main"

    def test_comes_in_by_a_trigger_that_hears_nothing(self, world: World) -> None:
        world.live(
            "{key: jump, go_to: {to: idle}}",
            threads=(
                "  - thread: Other\n    steps:\n      - {key: idle, trigger: {none: true}}\n"
                "      - {key: later, wait: {for: P1D}}\n      - {key: done, terminate: {}}\n"
            ),
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "jump>match", "idle>next", "later"]
