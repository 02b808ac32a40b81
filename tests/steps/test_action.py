"""Action: what is written into the profile, and who sees it."""

from typing import Any

import pytest

from contacts.models import Subscription
from tests.engine.world import World


def profile_of(world: World, person: Subscription) -> dict[str, Any]:
    """Return a person's profile by field name."""
    person.refresh_from_db()
    names = {str(field.pk): name for name, field in world.fields.items()}
    return {names[key]: value for key, value in person.profile.items()}


class TestSetField:
    @pytest.mark.parametrize(
        ("act", "before", "after"),
        [
            ("{field: Profile.Note, value: hi}", {}, {"Note": "hi"}),
            ("{field: Profile.Points, value: 5}", {"Points": 3}, {"Points": 5}),
            ("{field: Profile.Vip, value: true}", {}, {"Vip": "on"}),
            ("{field: Profile.Note, value: null}", {"Note": "hi", "Points": 1}, {"Points": 1}),
            (
                "{field: Profile.Note, value: {from_field: Profile.Mobile}}",
                {"Mobile": "123"},
                {"Mobile": "123", "Note": "123"},
            ),
            ("{field: Profile.Note, value: {from_field: Profile.Mobile}}", {"Note": "old"}, {}),
            (
                "{field: Profile.Points, value: {from_field: Profile.Note}}",
                {"Note": "1,250.5"},
                {"Note": "1,250.5", "Points": 1250.5},
            ),
            (
                "{field: Profile.Renewal, value: {from_field: Profile.Note}}",
                {"Note": "12/31/2026"},
                {"Note": "12/31/2026", "Renewal": "2026-12-31"},
            ),
            ("{field: Profile.Points, value: {from_field: Profile.Note}}", {"Points": 1}, {}),
        ],
    )
    def test_writes(
        self, world: World, act: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        world.live(f"{{key: act, action: {{set_field: {act}}}}}")
        grace = world.person(profile=before)

        world.happen(grace)
        world.tick()

        assert profile_of(world, grace) == after
        assert world.path(grace)[1] == "act>next"

    def test_is_seen_by_the_next_step_in_the_same_tick(self, world: World) -> None:
        world.live(
            "{key: act, action: {set_field: {field: Profile.Points, value: 7}}}\n"
            "{key: ask, filter: {field: Profile.Points, is: 7}}"
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace)[2] == "ask>next"

    def test_holds_who_has_no_such_value_and_moves_the_others(self, world: World) -> None:
        world.live(
            "{key: act, action: {set_field: {field: Profile.Points, value: {from_field: Profile.Note}}}}"
        )
        good, bad = world.person(profile={"Note": "5"}), world.person(profile={"Note": "many"})

        world.happen(good, bad)
        world.tick()

        assert profile_of(world, good)["Points"] == 5
        assert world.path(good)[-1] == "(terminated)"
        assert world.path(bad) == ["start>next", "act"]
        assert world.place(bad).held_reason == "step_error 22P02"
        assert "Points" not in profile_of(world, bad)


class TestSetDate:
    @pytest.mark.parametrize(
        ("act", "written"),
        [
            ("{field: Profile.Renewal}", "2026-11-18"),
            ("{field: Profile.Renewal, offset: P3D}", "2026-11-21"),
            ("{field: Profile.Renewal, offset: -P1M}", "2026-10-18"),
            ("{field: Profile.Renewal, offset: P1D, of: entry}", "2026-11-19"),
        ],
    )
    def test_writes(self, world: World, act: str, written: str) -> None:
        world.live(f"{{key: act, action: {{set_date: {act}}}}}")
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert profile_of(world, grace) == {"Renewal": written}

    def test_tells_the_arrival_from_the_entry(self, world: World) -> None:
        world.live(
            "{key: pause, wait: {for: P10D}}\n"
            "{key: one, action: {set_date: {field: Profile.Renewal, of: entry}}}\n"
            "{key: two, action: {set_date: {field: Profile.Birthday}}}"
        )
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.tick(world.place(grace).due_at)

        assert profile_of(world, grace) == {"Renewal": "2026-11-18", "Birthday": "2026-11-28"}

    def test_reads_the_calendar_of_the_zone(self, world: World) -> None:
        world.live(
            "{key: act, action: {set_date: {field: Profile.Renewal}}}",
            heading="time_zone: Pacific/Kiritimati",
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert profile_of(world, grace) == {"Renewal": "2026-11-19"}
