"""Yearly dates: when they ring, what moves them, what is missed."""

from datetime import date, timedelta

import pytest

from conductor.conversations.models import Alarm, Conversation, Tally
from conductor.engine.alarms import Rung, ring
from contacts.actions import change_address, editing, facts, set_profile
from contacts.models import Intake, Subscription
from tests.engine.birthdays import at, birthday, born, due, rung
from tests.engine.world import World


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
