"""Yearly dates of many: the plans of their statements, and their setting up by ticks."""

import json
from datetime import timedelta

import pytest

from accounts.tenancy import sql
from conductor.conversations.alarms import to_come
from conductor.conversations.models import Alarm, Conversation, Enrollment
from conductor.conversations.setting_up import setting_up
from contacts.segments import jobs
from tests.engine.birthdays import (
    again,
    at,
    birthday,
    due,
    entered,
)
from tests.engine.world import World

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
