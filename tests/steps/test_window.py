"""The window of a wait: the first instant inside, whatever the way to wait and the clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.tenancy import sql
from conductor.conversations.document import parse_step
from conductor.conversations.reading import MalformedConversationError
from tests.engine.world import World

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE = "window: {days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00'}"


def utc(*parts: int) -> datetime:
    """Return an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


class TestWindow:
    # It is Wednesday, 18 November 2026, 12:00 UTC, 07:00 in New York.
    @pytest.mark.parametrize(
        ("wait", "due"),
        [
            (f"for: PT1H, {OFFICE}", utc(2026, 11, 18, 14)),
            (f"for: PT2H, {OFFICE}", utc(2026, 11, 18, 14)),
            (f"for: PT3H, {OFFICE}", utc(2026, 11, 18, 15)),
            (f"for: PT9H59M59S, {OFFICE}", utc(2026, 11, 18, 21, 59, 59)),
            # `to` is excluded.
            (f"for: PT10H, {OFFICE}", utc(2026, 11, 19, 14)),
            (f"for: P3D, {OFFICE}", utc(2026, 11, 23, 14)),
            ("for: P1D, window: {days: [wed]}", utc(2026, 11, 25, 5)),
            ("for: P1D, window: {from: '06:00'}", utc(2026, 11, 19, 12)),
            ("for: P1D, window: {from: '08:00'}", utc(2026, 11, 19, 13)),
            ("for: P1D, window: {to: '06:00'}", utc(2026, 11, 20, 5)),
            ("for: P1D, window: {}", utc(2026, 11, 19, 12)),
            (f"until: '2026-12-24T18:00:00', {OFFICE}", utc(2026, 12, 25, 14)),
            (f"until: '2026-12-24T23:00:00Z', {OFFICE}", utc(2026, 12, 25, 14)),
            (f"until_field: {{field: Profile.Renewal}}, {OFFICE}", utc(2026, 11, 23, 14)),
            # Today's time has passed: it would go on at once, but the window is not open yet.
            (f"until_field: {{field: Profile.Birthday, at: '06:00'}}, {OFFICE}",
             utc(2026, 11, 18, 14)),
            (f"until_parts: {{day: 22}}, {OFFICE}", utc(2026, 11, 23, 14)),
            (f"until_parts: {{day: {{nth: last, weekday: mon}}, time: '10:00'}}, {OFFICE}",
             utc(2026, 11, 30, 15)),
        ],
    )  # fmt: skip
    def test_moves_the_due_time(self, world: World, wait: str, due: datetime) -> None:
        world.live(f"{{key: pause, wait: {{{wait}}}}}")
        grace = world.person(profile={"Renewal": "2026-11-21", "Birthday": "2026-11-18"})

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "pause"]
        assert world.place(grace).due_at == due

    @pytest.mark.parametrize(
        ("wait", "exit_name"),
        [
            (f"until: '2026-11-01T00:00:00', {OFFICE}", "past"),
            (f"until_field: {{field: Profile.Renewal}}, {OFFICE}", "past"),
            (f"until_field: {{field: Profile.Birthday}}, {OFFICE}", "no_date"),
            (f"until_parts: {{day: 1}}, {OFFICE}", "past"),
            ("until_field: {field: Profile.Points}, window: {from: '06:00'}", "next"),
        ],
    )
    def test_keeps_nobody_who_has_nothing_to_wait_for(
        self, world: World, wait: str, exit_name: str
    ) -> None:
        wait = wait.replace("Profile.Points}", "Profile.Renewal, offset: P1D, at: '06:30'}")
        world.live(f"{{key: pause, wait: {{{wait}}}}}")
        grace = world.person(profile={"Renewal": "2026-11-17"})

        world.happen(grace)
        world.tick()

        assert world.path(grace)[1] == f"pause>{exit_name}"

    def test_is_that_of_the_contacts_own_clock(self, world: World) -> None:
        world.live(f"{{key: pause, wait: {{for: PT24H, {OFFICE}, time_zone: contact}}}}")
        far, near, nowhere = (
            world.person(time_zone="Pacific/Auckland"),
            world.person(time_zone="America/New_York"),
            world.person(time_zone="Mars/Base"),
        )

        world.happen(far, near, nowhere)
        world.tick()

        # 20 November, 01:00 in Auckland; 07:00 of the 19th in New York.
        assert world.place(far).due_at == utc(2026, 11, 19, 20)
        assert world.place(near).due_at == utc(2026, 11, 19, 14)
        assert world.place(nowhere).due_at == utc(2026, 11, 19, 14)

    def test_does_not_hold_again_who_comes_late(self, world: World) -> None:
        world.live(f"{{key: pause, wait: {{for: PT3H, {OFFICE}}}}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.tick(utc(2026, 11, 21, 3))

        assert world.path(grace)[1] == "pause>next"


class TestSettings:
    @pytest.mark.parametrize(
        ("window", "path"),
        [
            ({"days": ["monday"]}, "wait.window.days[0]"),
            ({"days": ["mon", "mon"]}, "wait.window"),
            ({"from": "17:00", "to": "09:00"}, "wait.window"),
            ({"from": "09:00", "to": "09:00:00"}, "wait.window"),
            ({"to": "00:00"}, "wait.window"),
            ({"from": "9"}, "wait.window.from"),
            ({"until": "09:00"}, "wait.window.until"),
        ],
    )
    def test_refuse(self, window: dict[str, Any], path: str) -> None:
        with pytest.raises(MalformedConversationError) as refused:
            parse_step({"key": "pause", "wait": {"for": "P1D", "window": window}})

        assert [fault.path for fault in refused.value.faults] == [path]

    @pytest.mark.parametrize(
        ("window", "sentence"),
        [
            ({"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"},
             "Wait 3 days, then weekdays 9 to 17"),
            ({"days": ["sun", "sat"]}, "Wait 3 days, then weekends"),
            ({"days": ["fri", "mon", "wed"], "from": "08:30"},
             "Wait 3 days, then Monday, Wednesday and Friday from 8:30"),
            ({"to": "20:00"}, "Wait 3 days, then until 20"),
            ({"days": list(WEEKDAYS)}, "Wait 3 days"),
        ],
    )  # fmt: skip
    def test_are_said_in_words(self, window: dict[str, Any], sentence: str) -> None:
        written = {"key": "pause", "wait": {"for": "P3D", "window": window}}

        step = parse_step(written)

        assert step.type.sentence(step.config) == sentence
        assert step.write() == written


# Zones whose rules are settled, with gaps and folds of an hour, half an hour, a day, around
# midnight, and changes of the rules themselves.
ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Pyongyang",
    "America/Caracas",
    "Antarctica/Troll",
    "Asia/Kathmandu",
]
MINUTES = st.integers(0, 1439)
# Whole minutes around the days when clocks are moved make gaps and folds likely.
MOMENTS = st.builds(
    lambda year, month, day, minute: (
        datetime(year, month, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute)
    ),
    st.integers(1975, 2024),
    st.sampled_from([1, 3, 4, 5, 8, 9, 10, 11, 12]),
    st.integers(0, 30),
    MINUTES,
)


def first_inside(
    moment: datetime, days: set[int], opens: int, closes: int, zone: ZoneInfo
) -> datetime:
    """Look at every minute until the clocks show one that is inside."""
    while True:
        wall = moment.astimezone(zone)
        if wall.weekday() in days and opens <= wall.hour * 60 + wall.minute < closes:
            return moment
        moment += timedelta(minutes=1)


class TestOpenFrom:
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        MOMENTS,
        st.sets(st.integers(0, 6), min_size=1),
        st.lists(MINUTES, min_size=2, max_size=2, unique=True).map(sorted),
        st.sampled_from(ZONES),
    )
    # The clock is set back from 02:00: the window opens a second time.
    @example(utc(2023, 11, 5, 5, 50), {6}, [90, 105], "America/New_York")
    # ... and in its middle, at the transition.
    @example(utc(2023, 11, 5, 5, 50), {6}, [30, 70], "America/New_York")
    # All of the window is skipped.
    @example(utc(2023, 3, 12, 5, 0), {6}, [120, 180], "America/New_York")
    # Part of it is.
    @example(utc(2023, 3, 12, 5, 0), {6}, [150, 240], "America/New_York")
    # From 00:01 back to 23:01 of the day before.
    @example(utc(2009, 11, 1, 2, 30), {5}, [1400, 1439], "America/St_Johns")
    # Saturday's last hour comes twice.
    @example(utc(2016, 2, 21, 1, 50), {5}, [1380, 1400], "America/Sao_Paulo")
    # A Friday that Samoa left out.
    @example(utc(2011, 12, 29, 20, 0), {4}, [0, 1439], "Pacific/Apia")
    def test_is_the_first_minute_inside(
        self, db: None, moment: datetime, days: set[int], hours: list[int], name: str
    ) -> None:
        opens, closes = hours

        found = sql.fetch_value(
            "SELECT open_from(%(moment)s, %(days)s, %(opens)s::time, %(closes)s::time, %(zone)s)",
            moment=moment,
            days=sum(2 << day for day in days),
            opens=f"{opens // 60:02}:{opens % 60:02}",
            closes=f"{closes // 60:02}:{closes % 60:02}",
            zone=name,
        )

        assert found == first_inside(moment, days, opens, closes, ZoneInfo(name))
