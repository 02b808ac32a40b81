"""Asking only at the moments that are written down is as good as asking everybody always."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from accounts.tenancy import sql
from contacts import filters, segments
from contacts.durations import add_duration, parse_duration
from contacts.filters.clock import clock_of
from contacts.filters.facts import window_tests
from contacts.filters.scope import Scope
from contacts.filters.values import compare_date
from contacts.models import Listener, Segment, SegmentMember
from tests.contacts.filters.drawing import NOW, Population, rules
from tests.factories import ListFactory

TICK = timedelta(microseconds=1)
# From 28 February 2028: a leap day, ends of months, clocks that change in March and April.
ZONES = ["America/New_York", "Pacific/Auckland", "Europe/Berlin", "UTC", "Australia/Lord_Howe"]
WINDOWS = ["PT3H", "P1D", "P7D", "P14D", "P1M", "P1M1DT5H", "P2M", "P1Y"]
SPANS = ["P1D", "P3D", "P7D", "P1M", "P2M", "P1Y"]


class Crowd(Population):
    """People whose facts lie anywhere in the weeks and years before, and some just ahead."""

    def moment(self):
        if self.chance.random() < 0.3:
            return super().moment()
        days = self.chance.choice([2, 10, 40, 70, 400])
        return NOW - timedelta(seconds=self.chance.uniform(-0.1, 1) * days * 86_400)


@pytest.fixture
def crowd(inside_acme):
    return Crowd(ListFactory(), seed=4, size=25)


def stretched(rule, window, span):
    """Return a rule with other windows and spans of days."""
    if isinstance(rule, list):
        return [stretched(one, window, span) for one in rule]
    if not isinstance(rule, dict):
        return rule
    given_ = {"within": window, "in_last": span, "in_next": span, "anniversary_in": span}
    return {
        key: given_[key] if key in given_ else stretched(value, window, span)
        for key, value in rule.items()
    }


def begin(crowd, written):
    """Track a segment of the rule from NOW on."""
    resolved = filters.resolve(filters.parse(written), crowd)
    made = Segment.objects.create(
        list=crowd.list, name="S", rule=written, resolved=json.loads(json.dumps(resolved)),
        created_at=NOW, modified_at=NOW,
    )  # fmt: skip
    Listener.objects.create(
        conversation_id=1, list=crowd.list, kind="segment_entered", segment=made
    )
    segments.follow(list=crowd.list, now=NOW)
    return resolved


def next_moments(data, now):
    """Draw a moment later than `now`: about the first that is written down, or any."""
    due = SegmentMember.objects.filter(recheck_at__isnull=False).order_by("recheck_at")
    first = due.values_list("recheck_at", flat=True).first()
    later = st.one_of(
        st.integers(1, 30 * 86_400).map(lambda seconds: now + timedelta(seconds=seconds)),
        st.integers(1, 48).map(lambda quarters: now + quarters * timedelta(minutes=15)),
    )
    if first is not None:
        near = st.sampled_from([first - TICK, first, first + TICK, first + timedelta(days=1)])
        later = later | near | near
    return data.draw(later.filter(lambda at: at > now))


def members():
    found = SegmentMember.objects.filter(is_member=True)
    return set(found.values_list("subscription_id", flat=True))


# Every quarter of an hour of nine days, and just before and after.
SERIES = """
    SELECT quarter.at + step.by AS at
    FROM generate_series(
        date_trunc('hour', %(now)s::timestamptz), %(now)s::timestamptz + interval '9 days',
        interval '15 minutes'
    ) AS quarter (at)
    CROSS JOIN (VALUES (interval '0'), (interval '1 microsecond'), (interval '-1 microsecond'))
        AS step (by)
    WHERE quarter.at + step.by > %(now)s
"""
EVES = [
    datetime(2028, 2, 27, tzinfo=UTC),
    datetime(2028, 3, 11, tzinfo=UTC),  # New York
    datetime(2028, 3, 25, tzinfo=UTC),  # Berlin
    datetime(2028, 3, 29, tzinfo=UTC),
    datetime(2028, 4, 1, tzinfo=UTC),  # Auckland, Lord Howe
    datetime(2028, 11, 4, tzinfo=UTC),  # New York
    datetime(2027, 12, 30, tzinfo=UTC),
]
SWITCHES = st.builds(
    lambda eve, minutes, micros: eve + timedelta(minutes=minutes, microseconds=micros),
    st.sampled_from(EVES),
    st.integers(-1440, 4 * 1440),
    st.sampled_from([0, 0, 1, 999_999]),
)
SEVERAL = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def first_change(test, clock, *, zone, now, **params):
    """Return the moment that a clock gives, and the first of a series at which a test differs."""
    moment, asked = test(clock), Scope(zone="%(zone)s::text", prefix="then")
    asked.now = "series.at"
    then = test(asked)
    statement = (
        f"SELECT {moment[1]}, (SELECT min(series.at) FROM ({SERIES}) AS series, "
        f"(SELECT {moment[0]} AS holds) AS present WHERE {then[0]} <> present.holds)"
    )
    given_ = {**clock.scope.params, **asked.params, **params, "zone": zone, "now": now}
    return sql.fetch_one(statement, **given_)


class TestMoment:
    @SEVERAL
    @given(
        SWITCHES, st.sampled_from(ZONES), st.sampled_from(WINDOWS), st.integers(-36, 36), st.data()
    )
    def test_of_a_window_is_never_late(self, acme, now, zone, window, hours, data):
        start = add_duration(now, -parse_duration(window), ZoneInfo(zone))
        seconds = data.draw(st.sampled_from([0, 0, 900, 1800, 3599, 86_400 * 7]))
        at = start + timedelta(hours=hours, seconds=seconds)
        clock = clock_of(zone=zone, now=now, prefix="now", bulk=False)

        def test(where):
            scope = where if isinstance(where, Scope) else where.scope
            holds = window_tests({"within": window}, "%(at)s::timestamptz", "%(at)s", scope)
            moment = clock.window("%(at)s::timestamptz", "%(at)s::timestamptz", window)
            return f"({' AND '.join(holds)})", moment

        moment, change = first_change(test, clock, zone=zone, now=now, at=at)

        assert moment is None or moment > now
        assert change is None or moment is not None, change
        assert change is None or moment <= change, (moment, change)

    @SEVERAL
    @given(
        SWITCHES,
        st.sampled_from(ZONES),
        st.sampled_from(["in_last", "in_next", "anniversary_in"]),
        st.sampled_from(SPANS),
        st.integers(-45, 45),
        st.sampled_from([0, 0, 365, 366, 1461]),
    )
    def test_of_a_date_is_never_late(self, acme, now, zone, name, span, days, years):
        length = parse_duration(span)
        sign = -1 if name == "in_last" else 1
        day = add_duration(now, length if sign > 0 else -length, ZoneInfo(zone)).date()
        day += timedelta(days=days // 5 - years)
        clock = clock_of(zone=zone, now=now, prefix="now", bulk=False)

        def test(where):
            scope = where if isinstance(where, Scope) else where.scope
            holds = compare_date(name, span, "%(day)s::date", scope).sql
            return f"({holds})", clock.days({name: span}, "%(day)s::date")[0]

        moment, change = first_change(test, clock, zone=zone, now=now, day=day)

        assert moment is None or moment > now
        assert change is None or moment is not None, change
        assert change is None or moment <= change, (moment, change)


class TestClock:
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        rules(), st.sampled_from(ZONES), st.sampled_from(WINDOWS), st.sampled_from(SPANS), st.data()
    )
    def test_changes_nothing_in_between(self, crowd, rule, zone, window, span, data):
        with transaction.atomic():
            Account.objects.update(time_zone=zone)
            resolved = begin(crowd, stretched(rule, window, span))
            now = NOW
            for _ in range(6):
                segments.keep(now=now, limit=1000)

                asked = filters.members(list=crowd.list, rule=resolved, time_zone=zone, now=now)
                assert members() == asked, now
                assert not SegmentMember.objects.filter(recheck_at__lte=now).exists()
                now = next_moments(data, now)
            transaction.set_rollback(True)
