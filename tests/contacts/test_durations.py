"""Durations, and the agreement of their SQL and Python forms."""

# Wall-clock times are naive on purpose.
# ruff: noqa: DTZ001

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.tenancy import sql
from contacts.durations import (
    Duration,
    InvalidDurationError,
    add_duration,
    is_zone,
    local_instant,
    parse_duration,
)

# Zones whose rules are settled: PostgreSQL and Python each bring their own copy of the
# time-zone data, and of Morocco's coming years two releases say two things.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/Caracas",
    "Asia/Pyongyang",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "America/Sao_Paulo",
    "America/St_Johns",
]
NEW_YORK = ZoneInfo("America/New_York")

# Whole minutes around the days when clocks are moved make gaps and folds likely.
WALLS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2036, 12, 31)) | st.builds(
    lambda year, month, day, minute: datetime(year, month, 1) + timedelta(days=day, minutes=minute),
    st.integers(1971, 2036),
    st.sampled_from([3, 4, 9, 10, 11, 12]),
    st.integers(0, 30),
    st.integers(0, 239),
)
PROPERTY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class TestParseDuration:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("P60D", Duration(days=60)),
            ("P1W", Duration(days=7)),
            ("P1Y2M3DT4H5M6S", Duration(14, 3, 4 * 3600 + 5 * 60 + 6)),
            ("PT24H", Duration(seconds=86_400)),
            ("PT0.5S", Duration(seconds=0.5)),
            ("P5Y", Duration(months=60)),
        ],
    )
    def test_reads(self, text, expected):
        assert parse_duration(text) == expected

    @pytest.mark.parametrize(
        "text",
        ["", "P", "PT", "P1DT", "3 days", "P0D", "PT0S", "-P3D", "P6Y", "P5Y1D", "P1827DT1S", "p1d",
         "P1.5D", 3, None],
    )  # fmt: skip
    def test_refuses(self, text):
        with pytest.raises(InvalidDurationError):
            parse_duration(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("-P3D", Duration(days=-3)), ("+P1M", Duration(months=1)), ("P0D", Duration())],
    )
    def test_reads_a_sign_where_one_is_allowed(self, text, expected):
        assert parse_duration(text, signed=True) == expected

    @pytest.mark.parametrize("text", ["P6Y", "-P6Y", "--P1D", "-"])
    def test_refuses_a_size_out_of_range_with_a_sign(self, text):
        with pytest.raises(InvalidDurationError):
            parse_duration(text, signed=True)

    @given(st.integers(-24, 24), st.integers(0, 60), st.integers(0, 10_000_000))
    def test_comes_back_from_its_canonical_text(self, months, days, seconds):
        sign = -1 if months < 0 else 1
        duration = Duration(months, sign * days, sign * seconds)

        assert parse_duration(str(duration), signed=True) == duration

    @pytest.mark.parametrize(
        ("text", "canonical", "sentence"),
        [
            ("P14M", "P1Y2M", "1 year and 2 months"),
            ("P2W", "P14D", "14 days"),
            ("PT90M", "PT1H30M", "1 hour and 30 minutes"),
            ("PT24H", "PT24H", "24 hours"),
            ("P1DT0.250S", "P1DT0.25S", "1 day and 0.25 seconds"),
            ("P1Y1M1D", "P1Y1M1D", "1 year, 1 month and 1 day"),
        ],
    )
    def test_has_one_text_and_a_sentence(self, text, canonical, sentence):
        duration = parse_duration(text)

        assert str(duration) == canonical
        assert duration.sentence() == sentence

    def test_says_zero(self):
        assert Duration().sentence() == "0 days"
        assert str(Duration()) == "P0D"


class TestLocalInstant:
    @pytest.mark.parametrize(
        ("zone", "wall", "instant"),
        [
            # A spring gap: the first valid instant is 03:00 on the wall.
            ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),
            ("America/New_York", "2026-03-08 02:00", "2026-03-08 07:00"),
            ("America/New_York", "2026-03-08 03:00", "2026-03-08 07:00"),
            ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
            ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
            ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
            # Samoa left out 30 December 2011.
            ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),
        ],
    )
    def test_gap_and_fold(self, db, zone, wall, instant):
        expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        naive = datetime.fromisoformat(wall)

        assert local_instant(naive, ZoneInfo(zone)) == expected
        assert (
            sql.fetch_value("SELECT local_instant(%(wall)s, %(zone)s)", wall=naive, zone=zone)
            == expected
        )

    @PROPERTY
    @given(WALLS, st.sampled_from(ZONES))
    @example(datetime(1993, 8, 21, 7, 30), "Pacific/Kwajalein")
    @example(datetime(2011, 12, 30, 23, 59, 59, 999999), "Pacific/Apia")
    @example(datetime(2007, 12, 9, 2, 45), "America/Caracas")
    def test_sql_and_python_agree(self, db, wall, zone):
        ours = local_instant(wall, ZoneInfo(zone))

        theirs = sql.fetch_value(
            "SELECT local_instant(%(wall)s::timestamp, %(zone)s)", wall=wall, zone=zone
        )

        assert theirs == ours
        shown = ours.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert shown >= wall


class TestAddDuration:
    def test_moves_days_on_the_wall_clock_and_hours_exactly(self):
        before_spring = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK)

        tomorrow = add_duration(before_spring, parse_duration("P1D"), NEW_YORK)
        hours = add_duration(before_spring, parse_duration("PT24H"), NEW_YORK)

        assert tomorrow == datetime(2026, 3, 8, 12, tzinfo=NEW_YORK)
        assert hours == datetime(2026, 3, 8, 13, tzinfo=NEW_YORK)

    def test_clamps_the_end_of_a_month(self):
        end = datetime(2026, 1, 31, 9, tzinfo=NEW_YORK)

        assert add_duration(end, parse_duration("P1M"), NEW_YORK) == datetime(
            2026, 2, 28, 9, tzinfo=NEW_YORK
        )

    @PROPERTY
    @given(
        st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2030, 1, 1)),
        st.builds(
            lambda sign, months, days, seconds: Duration(
                sign * months, sign * days, sign * seconds
            ),
            st.sampled_from([1, -1]),
            st.integers(0, 59),
            st.integers(0, 400),
            st.integers(0, 1_000_000) | st.just(0.25),
        ),
        st.sampled_from(ZONES),
    )
    def test_sql_and_python_agree(self, db, naive, duration, zone):
        moment = naive.replace(tzinfo=UTC)

        theirs = sql.fetch_value(
            "SELECT add_duration(%(moment)s, %(months)s, %(days)s, %(seconds)s, %(zone)s)",
            moment=moment,
            months=duration.months,
            days=duration.days,
            seconds=duration.seconds,
            zone=zone,
        )

        assert theirs == add_duration(moment, duration, ZoneInfo(zone))


class TestZones:
    @pytest.mark.parametrize(
        ("zone", "valid"),
        [
            ("America/New_York", True),
            ("UTC", True),
            ("America/Argentina/Buenos_Aires", True),
            ("", False),
            ("Mars/Phobos", False),
            ("ABC5", False),
            ("<+03>-3", False),
            ("america/new_york", False),
            ("x" * 3000, False),
        ],
    )
    def test_sql_and_python_agree(self, db, zone, valid):
        assert is_zone(zone) is valid
        assert sql.fetch_value("SELECT valid_zone(%(zone)s)", zone=zone) is valid
        assert sql.fetch_value("SELECT zone_or(%(zone)s, 'UTC')", zone=zone) == (
            zone if valid else "UTC"
        )

    def test_five_thousand_bad_zones_do_not_hold_up_a_tick(self, db):
        before = datetime.now(UTC)

        count = sql.fetch_value(
            "SELECT count(add_duration(TIMESTAMPTZ '2026-01-01', 0, n, 0,"
            " zone_or(CASE WHEN n %% 2 = 0 THEN 'Mars/P' || n ELSE 'Europe/Rome' END, 'UTC')))"
            " FROM generate_series(1, %(size)s) AS n",
            size=5000,
        )

        assert count == 5000
        assert datetime.now(UTC) - before < timedelta(seconds=60)
