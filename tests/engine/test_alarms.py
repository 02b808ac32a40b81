"""Yearly dates: when they ring, what moves them, what is missed."""

import json
from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tenancy import sql
from conductor.conversations.alarms import to_come
from conductor.conversations.models import Alarm, Conversation, Enrollment, Tally
from conductor.conversations.setting_up import setting_up
from conductor.engine.alarms import Rung, ring
from contacts.actions import change_address, editing, facts, set_profile
from contacts.durations import add_months, local_instant
from contacts.models import Intake, Subscription
from contacts.segments import jobs
from tests.engine.world import World

DAY = timedelta(days=1)
YEAR = 365 * DAY
NEW_YORK = ZoneInfo("America/New_York")


def birthday(world: World, *, heading: str = "", **more: Any) -> Conversation:
    """Publish a conversation that starts on birthdays."""
    settings = ", ".join(f"{key}: {value}" for key, value in {"at": '"09:00"', **more}.items())
    start = f"{{key: start, trigger: {{date: {{field: Profile.Birthday, {settings}}}}}}}"
    return world.live("", heading=f"reentry: unlimited\n{heading}", start=start)


def born(world: World, on: str, **more: Any) -> Subscription:
    """Return somebody with a birthday."""
    found: Subscription = world.person(profile={"Birthday": on}, **more)
    return found


def due(person: Subscription, zone: str = "America/New_York") -> str:
    """Return when a person's alarm is due, on the clocks of a zone."""
    found = Alarm.objects.get(subscription_id=person.pk)
    wall = found.due_at.astimezone(ZoneInfo(zone))
    assert found.local_date == wall.date()
    return f"{wall:%Y-%m-%d %H:%M}"


def at(written: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone)


def rung() -> list[tuple[int, str, datetime]]:
    """Return (contact, trigger, when it was due) of the facts queued."""
    found = Intake.objects.filter(kind="date").order_by("id")
    return list(found.values_list("contact_id", "step_key", "occurred_at"))


def entered() -> list[datetime]:
    """Return when people entered, the first first."""
    return list(Enrollment.objects.order_by("entered_at").values_list("entered_at", flat=True))


class TestSetAtPublish:
    # It is 18 November 2026, 07:00 in New York.
    @pytest.mark.parametrize(
        ("on", "offset", "next_due"),
        [
            ("1990-12-24", "P0D", "2026-12-24 09:00"),
            ("1990-11-18", "P0D", "2026-11-18 09:00"),
            ("1990-11-17", "P0D", "2027-11-17 09:00"),
            ("1990-11-25", "-P7D", "2026-11-18 09:00"),
            ("1990-11-24", "-P7D", "2027-11-17 09:00"),
            ("1990-01-03", "-P7D", "2026-12-27 09:00"),
            ("1990-12-31", "P1M", "2027-01-31 09:00"),
            ("1992-02-29", "P0D", "2027-02-28 09:00"),
            ("2040-02-29", "P0D", "2027-02-28 09:00"),
        ],
    )
    def test_is_the_next_anniversary_with_the_offset(
        self, world: World, on: str, offset: str, next_due: str
    ) -> None:
        grace = born(world, on)

        birthday(world, offset=offset)

        assert due(grace) == next_due

    def test_is_next_year_for_what_has_passed_today(self, world: World) -> None:
        grace = born(world, "1990-11-18")

        birthday(world, at='"07:00"')

        assert due(grace) == "2027-11-18 07:00"

    @pytest.mark.parametrize("on", ["", "soon", "1990-02-30", "0000-01-01", "1990-13-01"])
    def test_leaves_out_what_is_no_date(self, world: World, on: str) -> None:
        born(world, on)

        birthday(world)

        assert not Alarm.objects.exists()

    @pytest.mark.parametrize(
        ("zone", "shown"),
        [
            ("account", "America/New_York"),
            ("Europe/Paris", "Europe/Paris"),
            ("contact", "Asia/Tokyo"),
        ],
    )
    def test_is_in_the_conversations_zone(self, world: World, zone: str, shown: str) -> None:
        grace = born(world, "1990-12-24", time_zone="Asia/Tokyo")

        birthday(world, heading=f"time_zone: {zone}")

        assert due(grace, shown) == "2026-12-24 09:00"

    def test_leaves_out_the_gap_of_a_clock(self, world: World) -> None:
        grace = born(world, "1990-03-14")  # 2027-03-14 has no 02:30

        birthday(world, at='"02:30"')

        assert due(grace) == "2027-03-14 03:00"

    def test_keeps_alarms_where_nothing_changed_and_sets_the_others(self, world: World) -> None:
        grace = born(world, "1990-11-18")
        conversation = birthday(world)
        kept = Alarm.objects.get()
        Alarm.objects.update(local_date=date(2000, 1, 1))
        structure = conversation.draft

        world.publish(conversation, structure)
        assert Alarm.objects.get().local_date == date(2000, 1, 1)

        structure["threads"][0]["steps"][0]["trigger"]["date"]["at"] = "10:00"
        world.publish(conversation, structure)
        assert (due(grace), Alarm.objects.get().pk != kept.pk) == ("2026-11-18 10:00", True)

        structure["threads"][0]["steps"][0]["trigger"] = {"external_event": "Order Imported"}
        world.publish(conversation, structure)
        assert not Alarm.objects.exists()

    def test_lets_what_is_due_ring_by_a_changed_trigger(self, world: World) -> None:
        born(world, "1990-11-18")
        conversation = birthday(world)
        structure = conversation.draft
        structure["threads"][0]["steps"][0]["trigger"]["date"]["at"] = "11:00"
        world.now = at("2026-11-18 09:01")

        world.publish(conversation, structure)
        ring(now=world.now, limit=10)

        assert [when for *_, when in rung()] == [at("2026-11-18 09:00")]
        assert Alarm.objects.get().due_at == at("2027-11-18 11:00")


class TestRing:
    def test_queues_one_fact_for_its_trigger_and_sets_next_year(self, world: World) -> None:
        grace = born(world, "1990-11-18")
        birthday(world)
        late = at("2026-11-18 09:05")

        assert ring(now=at("2026-11-18 08:59"), limit=10) == Rung()
        done = ring(now=late, limit=10)

        assert done == Rung(rung=1)
        assert rung() == [(grace.contact_id, "start", at("2026-11-18 09:00"))]
        fact = Intake.objects.get()
        assert (fact.recorded_at, fact.subscription_id) == (late, grace.pk)
        assert fact.properties == {"date": "2026-11-18", "value": "1990-11-18"}
        assert due(grace) == "2027-11-18 09:00"

    def test_goes_through_leap_years(self, world: World) -> None:
        grace = born(world, "1992-02-29")
        birthday(world)
        days = []
        for _ in range(3):
            alarm = Alarm.objects.get()
            days.append(str(alarm.local_date))
            ring(now=alarm.due_at, limit=10)

        assert days == ["2027-02-28", "2028-02-29", "2029-02-28"]
        assert due(grace) == "2030-02-28 09:00"

    def test_makes_up_on_the_same_day_and_passes_over_later(self, world: World) -> None:
        born(world, "1990-11-18")
        other = born(world, "1990-11-19")
        birthday(world)

        done = ring(now=at("2026-11-19 23:59"), limit=10)

        assert done == Rung(rung=1, missed=1)
        assert [contact for contact, *_ in rung()] == [other.contact_id]
        tally = Tally.objects.get()
        assert (tally.name, tally.step_key, tally.total) == ("date missed", "start", 1)

    def test_counts_a_date_missed_for_years_once_a_year(self, world: World) -> None:
        grace = born(world, "1990-11-18")
        birthday(world)
        now = at("2028-12-01 09:00")

        for _ in range(4):
            ring(now=now, limit=10)

        assert (Tally.objects.get().total, rung()) == (3, [])
        assert due(grace) == "2029-11-18 09:00"

    def test_counts_those_without_a_zone(self, world: World) -> None:
        grace = born(world, "1990-11-18", time_zone="Moon/Base")
        born(world, "1990-11-18", time_zone="Europe/Paris")
        birthday(world, heading="time_zone: contact")
        assert due(grace) == "2026-11-18 09:00"

        ring(now=at("2026-11-18 09:00"), limit=10)

        assert list(Tally.objects.values_list("name", "total")) == [("zone fallback", 1)]

    def test_waits_while_the_conversation_is_paused(self, world: World) -> None:
        born(world, "1990-11-18")
        conversation = birthday(world)
        Conversation.objects.update(paused_at=world.now)
        assert ring(now=at("2026-11-18 09:00"), limit=10) == Rung()

        Conversation.objects.update(paused_at=None)
        assert ring(now=at("2026-11-18 22:00"), limit=10) == Rung(rung=1)
        assert Conversation.objects.get().pk == conversation.pk

    def test_forgets_who_is_gone(self, world: World) -> None:
        grace = born(world, "1990-11-18")
        birthday(world)
        grace.delete()

        assert ring(now=at("2026-11-18 09:00"), limit=10) == Rung()

        assert not Alarm.objects.exists()

    def test_takes_no_more_than_it_is_asked_to(self, world: World) -> None:
        for _ in range(3):
            born(world, "1990-11-18")
        birthday(world)
        now = at("2026-11-18 09:00")

        assert [ring(now=now, limit=2).rung for _ in range(3)] == [2, 1, 0]


class TestChanges:
    def change(self, world: World, person: Subscription, value: str, when: str) -> None:
        field = world.fields["Birthday"]
        set_profile(subscription=person, profile={field.pk: value}, now=at(when), quiet=True)

    def test_move_the_alarm(self, world: World) -> None:
        grace = world.person()
        birthday(world)
        self.change(world, grace, "1990-12-24", "2026-11-18 08:00")

        assert ring(now=at("2026-11-18 08:00"), limit=10) == Rung(changed=1)
        assert due(grace) == "2026-12-24 09:00"

        self.change(world, grace, "1990-12-25", "2026-11-18 08:30")
        ring(now=at("2026-11-18 08:30"), limit=10)
        assert due(grace) == "2026-12-25 09:00"

        self.change(world, grace, "", "2026-11-18 08:40")
        ring(now=at("2026-11-18 08:40"), limit=10)
        assert not Alarm.objects.exists()
        assert Intake.objects.count() == 0

    def test_count_if_recorded_before_the_instant(self, world: World) -> None:
        grace = born(world, "1990-12-24")
        ada = born(world, "1990-11-18")
        birthday(world)
        self.change(world, grace, "1990-11-18", "2026-11-18 08:59")
        self.change(world, ada, "1990-12-24", "2026-11-18 08:59")

        done = ring(now=at("2026-11-18 09:05"), limit=10)

        assert done == Rung(rung=1, changed=2)
        assert [contact for contact, *_ in rung()] == [grace.contact_id]
        assert (due(grace), due(ada)) == ("2027-11-18 09:00", "2026-12-24 09:00")

    def test_count_for_the_years_to_come_if_recorded_after_it(self, world: World) -> None:
        grace = born(world, "1990-12-24")
        ada = born(world, "1990-11-18")
        birthday(world)
        self.change(world, grace, "1990-11-18", "2026-11-18 09:01")
        self.change(world, ada, "1990-12-24", "2026-11-18 09:01")

        ring(now=at("2026-11-18 09:05"), limit=10)

        assert [contact for contact, *_ in rung()] == [ada.contact_id]
        assert (due(grace), due(ada)) == ("2027-11-18 09:00", "2026-12-24 09:00")

    def test_that_are_heard_of_late_ring_no_second_time_that_day(self, world: World) -> None:
        grace = born(world, "1990-11-18")
        birthday(world)
        ring(now=at("2026-11-18 09:00"), limit=10)

        self.change(world, grace, "1991-11-18", "2026-11-18 08:59")
        done = ring(now=at("2026-11-18 09:01"), limit=10)

        assert done == Rung(changed=1)
        assert due(grace) == "2027-11-18 09:00"

    def test_of_other_fields_leave_it_alone(self, world: World) -> None:
        grace = born(world, "1990-12-24")
        birthday(world)
        Alarm.objects.update(local_date=date(2026, 12, 23))
        set_profile(subscription=grace, profile={world.fields["Note"].pk: "Hi"}, now=world.now)

        assert ring(now=world.now, limit=10) == Rung(changed=1)

        assert Alarm.objects.get().local_date == date(2026, 12, 23)

    def test_of_the_zone_move_the_instant_not_the_day(self, world: World) -> None:
        grace = born(world, "1990-11-18", time_zone="Europe/Paris")
        conversation = birthday(world, heading="time_zone: contact", at='"14:00"')
        # 14:00 in Paris has come, 14:00 in New York has not: it rings once a year.
        ring(now=world.now + timedelta(hours=1), limit=10)
        assert len(rung()) == 1
        editing.update_contact(
            contact=grace.contact,
            now=world.now + timedelta(hours=2),
            first_name="",
            last_name="",
            phone="",
            external_id="",
            birthday=None,
            postal_code="",
            time_zone="America/New_York",
        )

        ring(now=world.now + timedelta(hours=2), limit=10)

        assert due(grace) == "2027-11-18 14:00"
        assert conversation.pk == Alarm.objects.get().conversation_id

    def test_of_the_address_give_the_new_one_the_date(self, world: World) -> None:
        born(world, "1990-12-24", email="old@mail.example")
        birthday(world)

        new = change_address(
            list=world.in_list,
            email="old@mail.example",
            new_email="new@mail.example",
            method="API",
            now=world.now,
        ).subscription
        ring(now=world.now, limit=10)

        assert due(new) == "2026-12-24 09:00"

    def test_leave_nothing_behind_when_no_trigger_asks_any_more(self, world: World) -> None:
        grace = born(world, "1990-12-24")
        conversation = birthday(world)
        facts.announce(kind=facts.ADDED, subscription=grace, now=world.now)
        assert Intake.objects.filter(kind="alarm").count() == 1
        structure = conversation.draft
        structure["threads"][0]["steps"][0]["trigger"] = {"external_event": "Order Imported"}

        world.publish(conversation, structure)

        assert not Intake.objects.exists()


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


PEOPLE = 20_000
FILL = (
    """
    INSERT INTO conversations_alarm (
        conversation_id, step_key, subscription_id, contact_id, local_date, due_at
    )
    SELECT
        %(conversation_id)s, 'start', 1000000 + number, 1000000 + number, '2026-12-01',
        %(now)s::timestamptz + make_interval(mins => number)
    FROM generate_series(1, %(size)s) AS number
    """,
    """
    INSERT INTO contacts_intake (
        conversation_id, kind, contact_id, occurred_at, recorded_at, method, properties, depth
    )
    SELECT %(conversation_id)s, 'wake', 1000000 + number, %(now)s, %(now)s, 'added', '{}', 0
    FROM generate_series(1, %(size)s) AS number
    """,
)
TABLES = ["conversations_alarm", "contacts_intake", "contacts_listener"]


SUBSCRIPTIONS = "Seq Scan on contacts_subscription"


def plans_of(given):
    """Return the plans of the statements that look for alarms, by name."""
    return {
        name: "\n".join(
            row[0]
            for row in sql.fetch_all("EXPLAIN " + sql.statement("conductor.engine", name), **given)
        )
        for name in ("alarmed_conversations", "take_alarm_changes", "ring_alarms")
    }


class TestPlans:
    def test_are_looked_for_and_rung_along_their_indexes(self, world: World) -> None:
        conversation = birthday(world)
        for statement in FILL:
            sql.execute(statement, conversation_id=conversation.pk, now=world.now, size=PEOPLE)
        sql.execute("SELECT refresh_statistics(%(tables)s)", tables=TABLES)
        sql.execute(sql.statement("conductor.engine", "create_alarm_changes"))
        trigger = {
            "conversation_id": conversation.pk,
            "step_key": "start",
            "field_id": "1",
            "months": 0,
            "days": 0,
            "at": "09:00",
            "zone": "account",
            "forgotten": [{"upto": 10, "since": world.now.isoformat()}],
        }
        given = {
            "now": world.now,
            "each": 100,
            "account_zone": "UTC",
            "triggers": json.dumps([trigger]),
            "with_changes": True,
        }

        plans = plans_of(given)
        # Of people there are a few: what matters is that an index serves.
        sql.execute("SET LOCAL enable_seqscan = off")
        indexed = plans_of(given)

        assert "alarm_due" in plans["alarmed_conversations"]
        assert "intake_of_alarms" in plans["alarmed_conversations"]
        assert "intake_of_alarms" in plans["take_alarm_changes"]
        assert "alarm_due" in plans["ring_alarms"]
        for found in plans.values():
            for table in ("conversations_alarm", "contacts_intake"):
                assert f"Seq Scan on {table}" not in found
        assert not [name for name, found in indexed.items() if SUBSCRIPTIONS in found]


class TestLongLists:
    def test_are_set_up_by_ticks_as_of_the_publish(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        today = world.now.date().isoformat()
        people = [world.person(profile={"Birthday": today}) for _ in range(5)]
        # Noon UTC is 7:00 in New York: the date's instant comes before the last are looked at.
        conversation = world.live(
            "", start="{key: start, trigger: {date: {field: Profile.Birthday, at: '07:01'}}}"
        )
        assert (Alarm.objects.count(), to_come(conversation.pk).count()) == (0, 1)

        for minutes in range(5):
            world.tick(world.now + timedelta(minutes=1 if minutes else 0), limit=2)

        assert not to_come(conversation.pk).exists()
        assert [world.path(person)[0] for person in people] == ["start>next"] * 5
        assert Alarm.objects.filter(due_at__gt=world.now + timedelta(days=300)).count() == 5

    def test_are_left_alone_by_a_version_without_that_trigger(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        world.person(profile={"Birthday": "1990-05-05"})
        conversation = world.live(
            "", start="{key: start, trigger: {date: {field: Profile.Birthday}}}"
        )

        structure = {**conversation.draft}
        structure["threads"][0]["steps"][0] = {"key": "start", "trigger": {"none": True}}
        world.publish(conversation, structure)
        world.tick()

        assert not to_come(conversation.pk).exists()
        assert not Alarm.objects.exists()

    def test_that_ask_for_another_time_go_over_by_ticks(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        today = world.now.date().isoformat()
        people = [world.person(profile={"Birthday": today}) for _ in range(5)]
        # It is 7:00 in New York.
        conversation = birthday(world, at='"07:01"')
        for _ in range(4):
            world.tick(limit=2)
        before = set(Alarm.objects.values_list("pk", flat=True))

        again(world, conversation, at="07:02")
        untouched = set(Alarm.objects.values_list("pk", flat=True))
        # The old instant passes, while nobody was looked at yet.
        world.tick(world.now + timedelta(minutes=1), limit=2)
        early = entered()
        for _ in range(8):
            world.tick(world.now + timedelta(minutes=1), limit=2)

        assert untouched == before
        assert early == []
        assert [world.path(person)[0] for person in people] == ["start>next"] * 5
        assert entered()[0] >= at("2026-11-18 07:02")
        assert not to_come(conversation.pk).exists()
        assert not before & set(Alarm.objects.values_list("pk", flat=True))
        assert Alarm.objects.filter(due_at=at("2027-11-18 07:02")).count() == 5

    def test_let_what_was_due_ring_once_while_they_go_over(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        today = world.now.date().isoformat()
        people = [world.person(profile={"Birthday": today}) for _ in range(5)]
        conversation = birthday(world, at='"07:01"')
        for _ in range(4):
            world.tick(limit=2)

        # Nobody ticks at 7:01; at 7:02 the time becomes 7:05.
        world.now += timedelta(minutes=2)
        again(world, conversation, at="07:05")
        for _ in range(12):
            world.tick(world.now + timedelta(minutes=1), limit=2)

        assert [world.path(person)[0] for person in people] == ["start>next"] * 5
        assert len(entered()) == 5
        assert Alarm.objects.filter(due_at=at("2027-11-18 07:05")).count() == 5

    def test_hear_of_a_date_that_changes_while_they_go_over(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        people = [world.person(profile={"Birthday": "1990-11-18"}) for _ in range(5)]
        conversation = birthday(world)
        for _ in range(4):
            world.tick(limit=2)

        again(world, conversation, at="08:00")
        # Heard of after the new instant: it is for the years to come.
        world.now = at("2026-11-18 08:30")
        world.set(people[4], Birthday="1991-11-18")
        for _ in range(9):
            world.tick(limit=2)

        assert len(entered()) == 4
        assert not Enrollment.objects.filter(subscription_id=people[4].pk).exists()
        assert due(people[4]) == "2027-11-18 08:00"

    def test_forget_by_ticks_what_no_trigger_asks_for_any_more(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        for _ in range(5):
            world.person(profile={"Birthday": "1990-11-18"})
        conversation = birthday(world)
        for _ in range(4):
            world.tick(limit=2)
        structure = conversation.draft
        structure["threads"][0]["steps"][0]["trigger"] = {"external_event": "Order Imported"}

        world.publish(conversation, structure)
        shown = setting_up(Conversation.objects.get())
        left = []
        for _ in range(4):
            left.append(Alarm.objects.count())
            world.tick(at("2026-11-18 09:30"), limit=2)

        assert (shown, left) == (None, [5, 3, 1, 0])
        assert not to_come(conversation.pk).exists()
        assert not Enrollment.objects.exists()

    def test_that_change_twice_in_a_row_have_the_last_time(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "FEW", 0)
        for _ in range(5):
            world.person(profile={"Birthday": "1990-11-18"})
        conversation = birthday(world)
        for _ in range(4):
            world.tick(limit=2)

        again(world, conversation, at="08:00")
        world.tick(limit=2)
        again(world, conversation, at="10:00")
        for _ in range(4):
            world.tick(at("2026-11-18 08:30"), limit=2)
        early = entered()
        for _ in range(12):
            world.tick(at("2026-11-18 10:00"), limit=2)

        assert early == []
        assert entered() == [at("2026-11-18 10:00")] * 5
        assert Alarm.objects.count() == 5
        assert not to_come(conversation.pk).exists()


def again(world: World, conversation: Conversation, **date: Any) -> None:
    """Publish it once more with another date trigger."""
    structure = conversation.draft
    structure["threads"][0]["steps"][0]["trigger"]["date"] |= date
    world.publish(conversation, structure)
