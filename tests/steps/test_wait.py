"""Wait: who is held until when, and who leaves at once by which exit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conductor.conversations.models import Tally
from tests.engine.world import World

DAY = timedelta(days=1)
# 18 November 2026, a Wednesday, 12:00 UTC is 07:00 in New York, the account's zone.


def leave(world: World, wait: str, **person: Any) -> Any:
    """Let one contact come to a wait, its exits told apart; return the subscription."""
    exits = ", exits: {past: gone, no_date: none}" if "until_field" in wait else ""
    world.live(
        f"{{key: pause, wait: {wait}{exits}}}\n{{key: go, terminate: {{}}}}\n"
        "{key: gone, terminate: {}}\n{key: none, terminate: {}}"
    )
    someone = world.person(**person)
    world.happen(someone)
    world.tick()
    return someone


class TestFor:
    @pytest.mark.parametrize(
        ("duration", "due"),
        [
            ("PT1S", datetime(2026, 11, 18, 12, 0, 1, tzinfo=UTC)),
            ("P3D", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)),
            ("P1M", datetime(2026, 12, 18, 12, 0, tzinfo=UTC)),
            # Across the start of summer time: the same time on the wall, an hour earlier.
            ("P4M", datetime(2027, 3, 18, 11, 0, tzinfo=UTC)),
            ("P2W", datetime(2026, 12, 2, 12, 0, tzinfo=UTC)),
            ("P1DT2H", datetime(2026, 11, 19, 14, 0, tzinfo=UTC)),
        ],
    )
    def test_holds_for_the_duration(self, world: World, duration: str, due: datetime) -> None:
        grace = leave(world, f"{{for: {duration}}}")

        assert world.path(grace) == ["start>next", "pause"]
        assert world.place(grace).due_at == due

    def test_counts_from_a_late_tick(self, world: World) -> None:
        world.live("{key: one, wait: {for: P1D}}\n{key: two, wait: {for: P1D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        late = world.now + 5 * DAY
        world.tick(late)

        assert world.path(grace) == ["start>next", "one>next", "two"]
        assert world.place(grace).arrived_at == late
        assert world.place(grace).due_at == late + DAY

    def test_reads_the_clock_of_the_contact(self, world: World) -> None:
        # Auckland leaves summer time in April, New York has begun it in March.
        grace = leave(world, "{for: P5M, time_zone: contact}", time_zone="Pacific/Auckland")

        assert world.place(grace).due_at == datetime(2027, 4, 18, 13, 0, tzinfo=UTC)

    @pytest.mark.parametrize("zone", ["", "Mars/Olympus", "EST5EDT4,M3.2.0,M11.1.0"])
    def test_falls_back_to_the_zone_of_the_account(self, world: World, zone: str) -> None:
        grace = leave(world, "{for: P5M, time_zone: contact}", time_zone=zone)

        assert world.place(grace).due_at == datetime(2027, 4, 18, 11, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("wait", "counted"),
        [
            ("for: P1D", 2),
            ("for: PT24H", 0),
            ("for: PT24H, window: {from: '09:00'}", 2),
            ("until: '2026-12-24T09:00:00'", 2),
            ("until: '2026-12-24T09:00:00Z'", 0),
            ("until_field: {field: Profile.Renewal}", 2),
            ("until_parts: {day: 20}", 2),
        ],
    )
    def test_counts_who_falls_back_where_the_zone_is_read(
        self, world: World, wait: str, counted: int
    ) -> None:
        conversation = world.live(f"{{key: pause, wait: {{{wait}, time_zone: contact}}}}")
        people = [
            world.person(time_zone=zone, profile={"Renewal": "2026-12-01"})
            for zone in ("", "Mars/Base", "Europe/Rome")
        ]

        world.happen(*people)
        world.tick()

        found = Tally.objects.filter(conversation=conversation, name="zone fallback")
        assert [tally.total for tally in found] == ([counted] if counted else [])


class TestUntil:
    def test_is_local_to_the_zone_of_the_account(self, world: World) -> None:
        grace = leave(world, "{until: '2026-12-24T09:00:00'}")

        assert world.place(grace).due_at == datetime(2026, 12, 24, 14, 0, tzinfo=UTC)

    def test_carries_its_own_offset(self, world: World) -> None:
        grace = leave(world, "{until: '2026-12-24T09:00:00+01:00'}")

        assert world.place(grace).due_at == datetime(2026, 12, 24, 8, 0, tzinfo=UTC)

    def test_is_local_to_its_own_zone(self, world: World) -> None:
        grace = leave(world, "{until: '2026-12-24T09:00:00', time_zone: Europe/Berlin}")

        assert world.place(grace).due_at == datetime(2026, 12, 24, 8, 0, tzinfo=UTC)

    @pytest.mark.parametrize("moment", ["2026-11-18T12:00:00Z", "2026-11-18T06:59:00"])
    def test_is_past_at_once(self, world: World, moment: str) -> None:
        grace = leave(world, f"{{until: '{moment}'}}")

        assert world.path(grace) == ["start>next", "pause>past", "go>end", "(terminated)"]

    def test_lets_go_when_the_moment_comes(self, world: World) -> None:
        grace = leave(world, "{until: '2026-12-24T09:00:00'}")

        world.tick(datetime(2026, 12, 24, 14, 0, tzinfo=UTC))

        assert world.path(grace)[1] == "pause>next"


class TestUntilField:
    @pytest.mark.parametrize(
        ("renewal", "settings", "due"),
        [
            ("2026-12-01", "at: '09:00'", datetime(2026, 12, 1, 14, 0, tzinfo=UTC)),
            # Without a time it is the local time of arrival: 07:00.
            ("2026-12-01", "", datetime(2026, 12, 1, 12, 0, tzinfo=UTC)),
            ("2026-12-01", "offset: -P3D, at: '09:00'", datetime(2026, 11, 28, 14, 0, tzinfo=UTC)),
            ("2026-11-18", "at: '07:30'", datetime(2026, 11, 18, 12, 30, tzinfo=UTC)),
            ("2026-12-31", "offset: P2M, at: '09:00'", datetime(2027, 2, 28, 14, 0, tzinfo=UTC)),
            # 02:30 is skipped on 14 March: the clocks go on at 03:00, 07:00 UTC.
            ("2027-03-14", "at: '02:30'", datetime(2027, 3, 14, 7, 0, tzinfo=UTC)),
            (
                "1980-12-01",
                "year: next_occurrence, at: '09:00'",
                datetime(2026, 12, 1, 14, tzinfo=UTC),
            ),
            (
                "1980-11-17",
                "year: next_occurrence, at: '09:00'",
                datetime(2027, 11, 17, 14, tzinfo=UTC),
            ),
            (
                "1980-02-29",
                "year: next_occurrence, at: '09:00'",
                datetime(2027, 2, 28, 14, tzinfo=UTC),
            ),
            (
                "1980-11-20",
                "year: next_occurrence, offset: -P3D, at: '09:00'",
                datetime(2027, 11, 17, 14, tzinfo=UTC),
            ),
            (
                "1980-01-02",
                "year: next_occurrence, offset: -P3D, at: '09:00'",
                datetime(2026, 12, 30, 14, tzinfo=UTC),
            ),
            (
                "1980-11-10",
                "year: next_occurrence, offset: P10D, at: '09:00'",
                datetime(2026, 11, 20, 14, tzinfo=UTC),
            ),
        ],
    )
    def test_holds_until_the_date(
        self, world: World, renewal: str, settings: str, due: datetime
    ) -> None:
        grace = leave(
            world,
            f"{{until_field: {{field: Profile.Renewal, {settings}}}}}",
            profile={"Renewal": renewal},
        )

        assert world.path(grace) == ["start>next", "pause"]
        assert world.place(grace).due_at == due

    @pytest.mark.parametrize(
        ("profile", "settings", "exit_name"),
        [
            ({}, "", "no_date"),
            ({"Renewal": ""}, "", "no_date"),
            ({"Renewal": "soon"}, "", "no_date"),
            ({"Renewal": "2026-02-31"}, "", "no_date"),
            ({"Renewal": "2026-13-01"}, "", "no_date"),
            ({"Renewal": "2026-11-17"}, "", "past"),
            ({"Renewal": "2026-11-18"}, "at: '06:00'", "next"),
            ({"Renewal": "2026-11-18"}, "", "next"),
            ({"Renewal": "1980-11-18"}, "year: next_occurrence, at: '06:00'", "next"),
        ],
    )
    def test_leaves_at_once(
        self, world: World, profile: dict[str, str], settings: str, exit_name: str
    ) -> None:
        grace = leave(
            world, f"{{until_field: {{field: Profile.Renewal, {settings}}}}}", profile=profile
        )

        assert world.path(grace)[1] == f"pause>{exit_name}"

    def test_reads_the_field_on_arrival_only(self, world: World) -> None:
        grace = leave(
            world, "{until_field: {field: Profile.Renewal}}", profile={"Renewal": "2026-12-01"}
        )
        due = world.place(grace).due_at
        grace.profile = {}
        grace.save()

        world.tick(due)

        assert world.path(grace)[1] == "pause>next"
