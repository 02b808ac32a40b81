"""When a yearly date comes next, against the plain way."""

from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tenancy import sql
from contacts.durations import add_months, local_instant


def expected(
    day: date, months: int, days: int, clock: time, zone: ZoneInfo, since: datetime
) -> datetime:
    """Return the first instant after `since`, the plain way: year by year."""
    today = since.astimezone(zone).date()
    for year in range(today.year - 8, today.year + 9):
        of_year = day.day - 1 if (day.month, day.day) == (2, 29) and not isleap(year) else day.day
        moved = add_months(datetime(year, day.month, of_year, tzinfo=None), months)  # noqa: DTZ001
        instant = local_instant(datetime.combine(moved + timedelta(days), clock), zone)
        if instant > since:
            return instant
    raise AssertionError


class TestNextYearly:
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        day=st.dates(date(1900, 1, 1), date(2100, 12, 31)),
        months=st.integers(0, 24),
        days=st.integers(0, 700),
        sign=st.sampled_from([-1, 1]),
        clock=st.times().map(lambda drawn: drawn.replace(microsecond=0)),
        zone=st.sampled_from(
            ["America/New_York", "Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
        ),
        since=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001
    )
    def test_is_the_first_anniversary_with_the_offset_after(
        self,
        db: None,
        day: date,
        months: int,
        days: int,
        sign: int,
        clock: time,
        zone: str,
        since: datetime,
    ) -> None:
        since = since.replace(tzinfo=UTC)

        found = sql.fetch_value(
            "SELECT next_yearly(%(day)s::text, %(months)s::integer, %(days)s::integer, "
            "%(at)s::time, %(zone)s::text, %(since)s::timestamptz)",
            day=day.isoformat(),
            months=sign * months,
            days=sign * days,
            at=clock,
            zone=zone,
            since=since,
        )

        assert found == expected(day, sign * months, sign * days, clock, ZoneInfo(zone), since)
