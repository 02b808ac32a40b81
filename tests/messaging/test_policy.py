"""Caps, quiet hours and limits: at the step, at the claim, in the order of time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from accounts.tenancy import in_account, sql
from messaging import law
from messaging.eligibility import load_policy
from messaging.models import Delivery, FrequencyCap, SendingRules
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.factories import (
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)

ZONES = ["America/New_York", "America/Chicago", "America/St_Johns", "Europe/Paris", "Asia/Kolkata",
         "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"]  # fmt: skip


def quiet_until(moment: datetime, zones: list[str], hours: law.Hours) -> datetime | None:
    """Ask the database."""
    found = sql.fetch_value(
        "SELECT quiet_until(%(moment)s::timestamptz, %(zones)s::text[], %(hours)s::smallint[])",
        moment=moment,
        zones=zones,
        hours=list(hours),
    )
    return found if found is None else datetime.fromtimestamp(found.timestamp(), ZoneInfo("UTC"))


def is_open(moment: datetime, zones: list[str], hours: law.Hours) -> bool:
    """Read a wall clock, as a person would."""
    for zone in zones:
        wall = moment.astimezone(ZoneInfo(zone))
        place = wall.weekday() * 2
        minute = wall.hour * 60 + wall.minute + wall.second / 60
        if not hours[place] <= minute < hours[place + 1]:
            return False
    return True


class TestLaw:
    @pytest.mark.parametrize(
        ("region", "monday", "saturday", "sunday"),
        [
            ("US-NY", (480, 1260), (480, 1260), (480, 1260)),
            ("US-FL", (480, 1200), (480, 1200), (480, 1200)),
            ("US-OK", (480, 1200), (480, 1200), (480, 1200)),
            ("US-WA", (480, 1200), (480, 1200), (480, 1200)),
            ("US-MD", (480, 1200), (480, 1200), (480, 1200)),
            ("US-TX", (540, 1260), (540, 1260), (720, 1260)),
            ("US-AL", (480, 1200), (480, 1200), (480, 0)),
            ("US-CT", (540, 1200), (540, 1200), (540, 1200)),
            ("US-OR", (480, 1200), (480, 1200), (480, 1200)),
            ("US-RI", (540, 1080), (600, 1020), (480, 0)),
            ("US-SD", (540, 1260), (480, 0), (480, 0)),
            ("CA-ON", (540, 1290), (600, 1080), (600, 1080)),
            ("", (0, 1440), (0, 1440), (0, 1440)),
        ],
    )
    def test_is_the_strictest_of_state_and_country(
        self, region: str, monday: Any, saturday: Any, sunday: Any
    ) -> None:
        hours = law.hours_of(region)

        assert (hours[0:2], hours[10:12], hours[12:14]) == (monday, saturday, sunday)

    def test_says_where_it_stands(self) -> None:
        hours, areas = law.laws().values(), law.area_codes().values()
        told = {(one.source, one.as_of) for one in hours} | {
            (one.source, one.as_of) for one in areas
        }
        assert all(source and date.fromisoformat(as_of) for source, as_of in told)
        readings = {one.reading.partition(":")[0] for one in law.laws().values()}
        assert readings == {"statute", "conservative"}
        assert len(law.area_codes()) > 400
        assert law.area_codes()["850"].zones == ("America/Chicago", "America/New_York")

    @pytest.mark.django_db
    def test_names_zones_that_postgresql_knows(self, inside_acme: Account) -> None:
        zones = sorted({zone for area in law.area_codes().values() for zone in area.zones})

        known = sql.fetch_value(
            "SELECT bool_and(valid_zone(zones.zone)) FROM unnest(%(zones)s::text[]) AS zones (zone)",
            zones=zones,
        )

        assert known


class TestQuietUntil:
    # Around changes of the clocks, and anywhere in two years.
    MOMENTS = st.datetimes(
        datetime(2026, 1, 1),  # noqa: DTZ001
        datetime(2027, 12, 31),  # noqa: DTZ001
        timezones=st.just(ZoneInfo("UTC")),
    )
    HOURS = st.lists(
        st.tuples(st.integers(0, 1440), st.integers(0, 1440)), min_size=7, max_size=7
    ).map(lambda days: tuple(minute for day in days for minute in day))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        moment=MOMENTS,
        zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
        hours=st.one_of(
            HOURS, st.sampled_from([law.hours_of(name) for name in ("US-TX", "CA-ON", "US-FL")])
        ),
    )
    def test_is_the_next_moment_within_the_hours(
        self, inside_acme: Account, moment: datetime, zones: list[str], hours: law.Hours
    ) -> None:
        moment = moment.replace(microsecond=0)

        until = quiet_until(moment, zones, hours)

        if until is None:
            assert is_open(moment, zones, hours)
            return
        if until < moment + timedelta(days=8):
            assert is_open(until, zones, hours)
        # Nothing before it is open: every minute of the hours between is asked.
        step = timedelta(minutes=7)
        between = moment
        while between < min(until, moment + timedelta(days=3)):
            assert not is_open(between, zones, hours)
            between += step

    @pytest.mark.parametrize(
        ("moment", "until"),
        [
            # The hour from 2 to 3 is missing on 8 March 2026: 2:30 is the first instant after it.
            ("2026-03-08T06:00:00+00:00", "2026-03-08T07:00:00+00:00"),
            # The hour from 1 to 2 comes twice on 1 November: 2:30 comes after both.
            ("2026-11-01T05:10:00+00:00", "2026-11-01T07:30:00+00:00"),
        ],
    )
    def test_keeps_to_the_wall_clock_when_it_changes(
        self, inside_acme: Account, moment: str, until: str
    ) -> None:
        found = quiet_until(datetime.fromisoformat(moment), ["America/New_York"], (150, 1260) * 7)

        assert found == datetime.fromisoformat(until)


@pytest.fixture
def rules(inside_acme: Account, now: datetime) -> Any:
    """Set what acme allows itself."""

    def rule(**changes: Any) -> SendingRules:
        return SendingRules.objects.update_or_create(defaults={"updated_at": now, **changes})[0]

    return rule


def cap(now: datetime, most: int, channel: str = "email", period: str = "day") -> FrequencyCap:
    """Cap acme."""
    return FrequencyCap.objects.create(channel=channel, period=period, most=most, created_at=now)


def claimed(now: datetime, *, channel: str = "email", lane: Lane = Lane.BULK) -> list[str]:
    """Claim everything; return how the deliveries stand, in their order."""
    claim(channel=channel, provider="sandbox", sender="test", most=500, now=now, lane=lane)
    rows = Delivery.objects.order_by("pk")
    return [f"{one.state} {one.reason}".strip() for one in rows]


@pytest.mark.usefixtures("inside_acme")
class TestPlainAccounts:
    def test_ask_no_more_than_consent(self, now: datetime) -> None:
        policy = load_policy(now=now)

        for verdict in (policy.email(transactional=False), policy.sms(transactional=True)):
            assert verdict.joins == ""
            assert "messaging_" not in verdict.refusal
            assert verdict.params == {}

    def test_marketing_texts_keep_to_the_law_by_default(self, now: datetime) -> None:
        assert load_policy(now=now).sms(transactional=False).holds


@pytest.mark.usefixtures("inside_acme")
class TestCaps:
    def test_let_pass_what_was_queued_first(self, now: datetime) -> None:
        cap(now, 2)
        grace = SubscriptionFactory.create()
        QueuedEmailFactory.create_batch(4, list=grace.list, contact=grace.contact)

        assert claimed(now) == [
            "sending",
            "sending",
            "skipped frequency-cap",
            "skipped frequency-cap",
        ]

    def test_defer_where_the_step_says_so_until_the_contacts_day_is_over(
        self, now: datetime
    ) -> None:
        cap(now, 1)
        grace = SubscriptionFactory.create(contact=ContactFactory.create(time_zone="Asia/Tokyo"))
        QueuedEmailFactory.create_batch(
            2, list=grace.list, contact=grace.contact, waits_for_cap=True
        )

        assert claimed(now) == ["sending", "deferred frequency-cap"]
        held = Delivery.objects.get(state="deferred")
        # 18 November, 21:00 in Tokyo: the day ends at 15:00 UTC.
        assert held.not_before == now.replace(hour=15)
        assert held.attempts == 0

    @pytest.mark.parametrize(
        ("period", "ago", "is_counted"),
        [
            ("day", timedelta(hours=6), True),  # 1 a.m. in New York
            ("day", timedelta(hours=8), False),  # the evening before
            ("week", timedelta(days=2, hours=6), True),  # Monday 1 a.m.
            ("week", timedelta(days=2, hours=8), False),  # Sunday evening
        ],
    )
    def test_count_in_the_accounts_zone_where_the_contact_has_none(
        self,
        now: datetime,
        period: str,
        ago: timedelta,
        is_counted: bool,  # noqa: FBT001
    ) -> None:
        cap(now, 1, period=period)
        grace = SubscriptionFactory.create(contact=ContactFactory.create(time_zone=""))
        DeliveryFactory.create(list=grace.list, contact=grace.contact, sent_at=now - ago)
        QueuedEmailFactory.create(list=grace.list, contact=grace.contact)

        outcome = claimed(now)[1]

        assert outcome == ("skipped frequency-cap" if is_counted else "sending")

    @pytest.mark.parametrize(
        "sent",
        [{"is_transactional": True}, {"is_test": True}, {"state": "failed"}, {"channel": "sms"}],
    )
    def test_do_not_count_what_is_transactional_a_test_failed_or_of_the_other_channel(
        self, now: datetime, sent: dict[str, Any]
    ) -> None:
        cap(now, 1)
        grace = SubscriptionFactory.create()
        DeliveryFactory.create(list=grace.list, contact=grace.contact, sent_at=now, **sent)
        QueuedEmailFactory.create(list=grace.list, contact=grace.contact)

        assert claimed(now)[1] == "sending"

    def test_of_any_channel_count_both(self, now: datetime) -> None:
        cap(now, 1, channel="any")
        grace = SubscriptionFactory.create()
        DeliveryFactory.create(list=grace.list, contact=grace.contact, sent_at=now, channel="sms")
        QueuedEmailFactory.create(list=grace.list, contact=grace.contact)

        assert claimed(now)[1] == "skipped frequency-cap"

    def test_leave_transactional_messages_alone(self, now: datetime) -> None:
        cap(now, 1)
        grace = SubscriptionFactory.create()
        QueuedEmailFactory.create_batch(
            3, list=grace.list, contact=grace.contact, is_transactional=True
        )

        assert claimed(now, lane=Lane.URGENT) == ["sending"] * 3

    def test_find_a_contacts_deliveries_by_index(self, now: datetime) -> None:
        cap(now, 1)
        grace = SubscriptionFactory.create()
        sql.execute(
            "INSERT INTO messaging_delivery (channel, list_id, address, state, reason, thread, "
            "step_key, visit_number, event_properties, is_transactional, is_test, resend_unknown, "
            "queued_at, claimed_by, provider, provider_message_id) "
            "SELECT 'email', %(list_id)s, '', 'sent', '', '', '', 1, '{}', FALSE, FALSE, FALSE, "
            "%(now)s, '', '', '' FROM generate_series(1, 5000)",
            list_id=grace.list_id,
            now=now,
        )
        sql.execute("SELECT refresh_statistics(ARRAY['messaging_delivery'])")
        verdict = load_policy(now=now).email(transactional=False)

        plan = sql.fetch_all(
            f"EXPLAIN SELECT {verdict.refusal} FROM contacts_contact AS contact "
            "LEFT JOIN contacts_subscription AS subscription "
            f"ON subscription.contact_id = contact.id {verdict.joins} "
            "WHERE contact.id = %(contact_id)s",
            now=now,
            contact_id=grace.contact_id,
            **verdict.params,
        )

        lines = [row[0] for row in plan]
        assert sum("delivery_by_contact" in line for line in lines) == 3
        # What is older than the day is not read, however much there is of it.
        assert any("Index Cond" in line and "(sent_at >= " in line for line in lines)


@pytest.mark.usefixtures("inside_acme")
class TestHours:
    def test_of_the_account_hold_emails_in_the_contacts_zone(
        self, now: datetime, rules: Any
    ) -> None:
        rules(email_opens=time(8), email_closes=time(20))
        for zone in ("America/Los_Angeles", "Europe/Paris", "Asia/Tokyo", "Nowhere/Else"):
            contact = ContactFactory.create(time_zone=zone)
            grace = SubscriptionFactory.create(contact=contact)
            QueuedEmailFactory.create(list=grace.list, contact=contact)

        states = claimed(now)

        # Noon UTC: 4:00, 13:00, 21:00, and 7:00 of the account.
        held = "deferred quiet-hours-deferred"
        assert states == [held, "sending", held, held]
        until = [one.not_before for one in Delivery.objects.order_by("pk")]
        day = timedelta(days=1)
        assert until == [now.replace(hour=16), None, now.replace(hour=23), now.replace(hour=13)]
        assert day > timedelta(0)

    def test_skip_where_the_step_says_so(self, now: datetime, rules: Any) -> None:
        rules(email_opens=time(8), email_closes=time(9))
        QueuedEmailFactory.create(skips_quiet=True)

        assert claimed(now) == ["skipped quiet-hours-deferred"]

    @pytest.mark.parametrize(
        ("number", "moment", "until"),
        [
            # New York 8 to 21, Florida till 20, Texas on a Sunday from noon.
            ("+12125550123", "2026-11-19T01:30:00+00:00", None),
            ("+13055550123", "2026-11-19T01:30:00+00:00", "2026-11-19T13:00:00+00:00"),
            ("+12145550123", "2026-11-22T16:00:00+00:00", "2026-11-22T18:00:00+00:00"),
            ("+12145550123", "2026-11-21T16:00:00+00:00", None),
            # The Florida panhandle has two zones: open in both from 8:00 in the later one.
            ("+18505550123", "2026-11-19T13:30:00+00:00", "2026-11-19T14:00:00+00:00"),
            # Toronto on a Saturday evening waits for Sunday at 10.
            ("+14165550123", "2026-11-21T23:30:00+00:00", "2026-11-22T15:00:00+00:00"),
            # A number elsewhere has no law of ours.
            ("+442079460958", "2026-11-19T03:00:00+00:00", None),
        ],
    )
    def test_of_the_law_hold_marketing_texts_by_their_area_code(
        self, number: str, moment: str, until: str | None
    ) -> None:
        phones = PhoneListFactory.create(kind="Marketing")
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=number)
        contact = ContactFactory.create(time_zone="")
        QueuedTextFactory.create(phone_list=phones, address=number, contact=contact)

        claimed(datetime.fromisoformat(moment), channel="sms")

        one = Delivery.objects.get()
        assert one.not_before == (until if until is None else datetime.fromisoformat(until))
        assert one.state == ("sending" if until is None else "deferred")

    def test_ask_the_contacts_own_zone_first(self, now: datetime) -> None:
        phones = PhoneListFactory.create(kind="Marketing")
        consent = PhoneSubscriptionFactory.create(phone_list=phones, phone_e164="+12125550123")
        contact = ContactFactory.create(time_zone="Europe/Paris")
        QueuedTextFactory.create(phone_list=phones, address=consent.phone_e164, contact=contact)

        assert claimed(now, channel="sms") == ["sending"]

    def test_leave_transactional_texts_alone(self, now: datetime, rules: Any) -> None:
        rules(sms_opens=time(8), sms_closes=time(9))
        QueuedTextFactory.create()

        assert claimed(now, channel="sms", lane=Lane.URGENT) == ["sending"]


@pytest.mark.usefixtures("inside_acme")
class TestLimits:
    def test_of_the_account_hold_the_rest_until_tomorrow(self, now: datetime, rules: Any) -> None:
        rules(most_a_day=2)
        QueuedEmailFactory.create_batch(3)

        assert Counter(claimed(now)) == {"sending": 2, "queued": 1}
        assert Counter(claimed(now)) == {"sending": 2, "deferred over account limit": 1}
        assert Delivery.objects.get(state="deferred").not_before == datetime.fromisoformat(
            "2026-11-19T05:00:00+00:00"
        )

    def test_hold_out_a_fixed_share(self, now: datetime, rules: Any) -> None:
        rules(holdout_percent=30)
        QueuedEmailFactory.create_batch(120)

        outcome = Counter(claimed(now))

        assert set(outcome) == {"sending", "skipped holdout"}
        # By draw: fewer or more are one in 10^12.
        assert 6 <= outcome["skipped holdout"] <= 75


@pytest.mark.django_db(transaction=True)
class TestTwoSenders:
    def test_never_exceed_a_cap(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            cap(now, 3)
            in_list = ListFactory.create()
            people = SubscriptionFactory.create_batch(5, list=in_list)
            for _ in range(8):
                for one in people:
                    QueuedEmailFactory.create(list=in_list, contact=one.contact)

        def take(number: int) -> None:
            try:
                for _ in range(10):
                    with in_account(acme.pk):
                        claim(
                            channel="email", provider="sandbox", sender=str(number), most=3, now=now
                        )
            finally:
                connections["default"].close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(take, range(2)))

        with in_account(acme.pk):
            sent = Counter(
                Delivery.objects.filter(state="sending").values_list("contact_id", flat=True)
            )
            assert set(sent.values()) == {3}
            assert not Delivery.objects.filter(state="queued").exists()
