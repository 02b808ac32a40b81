"""Wait until a day put together from parts: due times out, and who leaves at once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conductor.conversations.document import parse_step
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError
from tests.engine.world import World

# 18 November 2026, a Wednesday, 12:00 UTC is 07:00 in New York, the account's zone.


def utc(*parts: int) -> datetime:
    """Return an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def come_to(world: World, parts: str, **person: Any) -> Any:
    """Let one contact come to a wait until these parts; return the subscription."""
    world.live(
        f"{{key: pause, wait: {{until_parts: {{{parts}}}}}, exits: {{past: gone, no_date: none}}}}\n"
        "{key: go, terminate: {}}\n{key: gone, terminate: {}}\n{key: none, terminate: {}}"
    )
    someone = world.person(**person)
    world.happen(someone)
    world.tick()
    return someone


class TestUntilParts:
    @pytest.mark.parametrize(
        ("parts", "due"),
        [
            ("day: 24, month: 12, time: '09:00'", utc(2026, 12, 24, 14)),
            ("day: 24, month: 12, year: 2028, time: '09:00:30'", utc(2028, 12, 24, 14, 0, 30)),
            # Without a time it is the local time of arrival, 07:00.
            ("day: 24, month: 12", utc(2026, 12, 24, 12)),
            # A part that is left out is the arrival's.
            ("day: 20", utc(2026, 11, 20, 12)),
            ("month: 12", utc(2026, 12, 18, 12)),
            ("year: 2027", utc(2027, 11, 18, 12)),
            ("day: 18, time: '07:30'", utc(2026, 11, 18, 12, 30)),
            # Days that a month lacks are its last.
            ("day: 31", utc(2026, 11, 30, 12)),
            ("day: 31, month: 2, year: 2027", utc(2027, 2, 28, 12)),
            ("day: 30, month: 2, year: 2028", utc(2028, 2, 29, 12)),
            ("day: 1, month: 12, offset: -P1W", utc(2026, 11, 24, 12)),
            ("day: 31, month: 12, offset: P2M, time: '09:00'", utc(2027, 2, 28, 14)),
            ("day: {nth: 4, weekday: thu}", utc(2026, 11, 26, 12)),
            ("day: {nth: 1, weekday: mon}, month: 12", utc(2026, 12, 7, 12)),
            ("day: {nth: 1, weekday: tue}, month: 12", utc(2026, 12, 1, 12)),
            ("day: {nth: last, weekday: mon}", utc(2026, 11, 30, 12)),
            ("day: {nth: last, weekday: sun}", utc(2026, 11, 29, 12)),
            ("day: {nth: 5, weekday: mon}", utc(2026, 11, 30, 12)),
            # November 2026 has four Wednesdays: the fifth is the last.
            ("day: {nth: 5, weekday: wed}", utc(2026, 11, 25, 12)),
            # 02:30 is skipped on 14 March: the clocks go on at 03:00, 07:00 UTC.
            ("day: 14, month: 3, year: 2027, time: '02:30'", utc(2027, 3, 14, 7)),
            # 01:30 comes twice on 7 November: the first.
            ("day: 7, month: 11, year: 2027, time: '01:30'", utc(2027, 11, 7, 5, 30)),
        ],
    )
    def test_holds_until_the_day(self, world: World, parts: str, due: datetime) -> None:
        grace = come_to(world, parts)

        assert world.path(grace) == ["start>next", "pause"]
        assert world.place(grace).due_at == due

    @pytest.mark.parametrize(
        ("parts", "due"),
        [
            ("day: Profile.Birthday, month: Profile.Birthday, roll: true", utc(2027, 2, 28, 12)),
            (
                "day: Profile.Birthday, month: Profile.Birthday, year: Profile.Birthday, roll: true",
                utc(2027, 2, 28, 12),
            ),
            (
                "day: Profile.Birthday, month: Profile.Birthday, year: 2028, time: '12:00'",
                utc(2028, 2, 29, 17),
            ),
            ("day: {nth: 1, weekday: mon}, month: Profile.Renewal, offset: -P4D",
             utc(2026, 12, 3, 12)),
            ("day: Profile.Renewal, month: {field: Profile.Renewal}", utc(2026, 12, 15, 12)),
            ("month: Profile.Renewal, day: Profile.Birthday", utc(2026, 12, 29, 12)),
        ],
    )  # fmt: skip
    def test_reads_parts_of_dates(self, world: World, parts: str, due: datetime) -> None:
        grace = come_to(world, parts, profile={"Birthday": "1980-02-29", "Renewal": "2026-12-15"})

        assert world.path(grace) == ["start>next", "pause"]
        assert world.place(grace).due_at == due

    @pytest.mark.parametrize(
        ("parts", "due"),
        [
            ("day: 17", utc(2027, 11, 17, 12)),
            ("day: 18", utc(2027, 11, 18, 12)),
            ("day: 18, time: '07:01'", utc(2026, 11, 18, 12, 1)),
            ("day: 1, month: 1, year: 2020", utc(2027, 1, 1, 12)),
            ("day: 29, month: 2, year: 2024", utc(2027, 2, 28, 12)),
            # The day's name is sought anew in each year.
            ("day: {nth: 1, weekday: mon}, month: 6", utc(2027, 6, 7, 11)),
            # The target, not the day before the offset, is what has passed.
            ("day: 20, month: 11, offset: -P3D", utc(2027, 11, 17, 12)),
            ("day: 10, month: 11, offset: P10D", utc(2026, 11, 20, 12)),
            ("day: 1, month: 1, year: 2020, offset: -P5Y", utc(2027, 1, 1, 12)),
        ],
    )
    def test_rolls_a_past_day_on_by_years(self, world: World, parts: str, due: datetime) -> None:
        grace = come_to(world, f"{parts}, roll: true")

        assert world.place(grace).due_at == due

    @pytest.mark.parametrize(
        ("parts", "exit_name"),
        [
            ("day: 17", "past"),
            ("day: 18", "past"),
            ("day: 18, time: '06:59'", "past"),
            ("year: 2025", "past"),
            ("day: 20, offset: -P3D", "past"),
            ("month: Profile.Renewal", "past"),
            ("day: Profile.Birthday", "no_date"),
            ("month: Profile.Birthday, roll: true", "no_date"),
            ("year: Profile.Birthday", "no_date"),
            ("day: Profile.Renewal, month: Profile.Birthday", "no_date"),
        ],
    )
    def test_leaves_at_once(self, world: World, parts: str, exit_name: str) -> None:
        grace = come_to(world, parts, profile={"Birthday": "soon", "Renewal": "2026-01-31"})

        assert world.path(grace)[1] == f"pause>{exit_name}"

    def test_reads_month_year_and_time_of_the_entry(self, world: World) -> None:
        world.live(
            "{key: first, wait: {for: P2M}}\n"
            "{key: pause, wait: {until_parts: {day: 5, month: entry, year: entry, time: entry, "
            "offset: P6M}}}"
        )
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.tick(utc(2027, 1, 20, 9))

        # 5 November 2026 and six months, at 07:00.
        assert world.place(grace).due_at == utc(2027, 5, 5, 11)

    def test_reads_the_zone_of_the_step(self, world: World) -> None:
        world.live("{key: pause, wait: {until_parts: {day: 19}, time_zone: Pacific/Kiritimati}}")
        grace = world.person()

        world.happen(grace)
        world.tick()

        # It is 02:00 of the 19th there.
        assert world.path(grace)[1] == "pause>past"

    def test_holds_everybody_when_a_field_is_gone(self, world: World) -> None:
        world.live("{key: pause, wait: {until_parts: {day: Profile.Renewal}}}")
        grace = world.person(profile={"Renewal": "2026-12-01"})
        world.fields["Renewal"].delete()

        world.happen(grace)
        world.tick()

        assert world.place(grace).held_reason == "the field is gone"


class TestSettings:
    @pytest.mark.parametrize(
        ("parts", "path"),
        [
            ({"day": 0}, "day"),
            ({"day": 32}, "day"),
            ({"day": 1.5}, "day"),
            ({"day": True}, "day"),
            ({"day": [1]}, "day"),
            ({"day": {"nth": 6, "weekday": "mon"}}, "day.nth"),
            ({"day": {"nth": 1, "weekday": "monday"}}, "day.weekday"),
            ({"day": {"nth": 1}}, "day.weekday"),
            ({"month": 13}, "month"),
            ({"year": 1969}, "year"),
            ({"year": 2201}, "year"),
            ({"roll": "yes"}, "roll"),
            ({"time": "25:00"}, "time"),
            ({"offset": "PT3H"}, "offset"),
            ({"hour": 3}, "hour"),
        ],
    )
    def test_refuse(self, parts: dict[str, Any], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "pause", "wait": {"until_parts": parts}})

        assert [fault.path for fault in refused.value.faults] == [f"wait.until_parts.{path}"]

    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ({}, "empty_setting"),
            ({"roll": True}, "empty_setting"),
            ({"day": "Profile.Note"}, "wrong_type"),
            ({"month": "Profile.Nothing"}, "unknown_field"),
            ({"day": "entry"}, "unknown_field"),
        ],
    )
    def test_tell_what_is_missing(self, world: World, parts: dict[str, Any], code: str) -> None:
        step = parse_step({"key": "pause", "wait": {"until_parts": parts}})

        found = step.type.problems(step.config, ListNames(world.in_list))

        assert [problem.code for problem in found] == [code]

    def test_come_back_as_they_were_written(self) -> None:
        parts = {
            "day": {"nth": "last", "weekday": "fri"},
            "month": "entry",
            "year": "Profile.Birthday",
            "roll": True,
            "time": "09:00",
            "offset": "-P4W",
        }
        written = {"key": "pause", "wait": {"until_parts": parts}}

        step = parse_step(written)

        assert step.write() == written
        assert step.type.sentence(step.config) == (
            "Wait until 28 days before the last Friday of the month of entry, "
            "year of Profile.Birthday at 09:00, or that day of a later year"
        )
