"""A contact without a valid zone of its own gets the account's, wherever its calendar is read."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from conductor.conversations.models import Conversation, Enrollment, Tally
from contacts.models import Subscription
from tests.engine.world import END, World

DAY = timedelta(days=1)
BY_CALENDAR = "{field: Profile.Renewal, in_next: P7D}"
BY_NONE = "{field: Profile.Points, at_least: 5}"
OWN = "time_zone: contact"
PAUSE = "{key: pause, wait: {for: PT1H}}"


def people(world: World, **profile: str) -> list[Subscription]:
    """Return somebody without a zone, with one that is none, and with one of their own."""
    zones = ("", "Mars/Base", "Europe/Rome")
    return [world.person(time_zone=zone, profile=profile) for zone in zones]


def counted(conversation: Conversation) -> dict[str, int]:
    """Return how often the account's zone stood in, by step."""
    found = Tally.objects.filter(conversation=conversation, name="zone fallback")
    return dict(found.values_list("step_key", "total"))


class TestATriggersFilter:
    @pytest.mark.parametrize(
        ("heading", "rule", "at_start"),
        [(OWN, BY_CALENDAR, 2), (OWN, BY_NONE, 0), ("time_zone: account", BY_CALENDAR, 0)],
    )
    def test_counts_whom_it_lets_in_or_not(
        self, world: World, heading: str, rule: str, at_start: int
    ) -> None:
        start = f"{{key: start, trigger: {{external_event: Order Imported, filter: {rule}}}}}"
        conversation = world.live("", heading=heading, start=start)

        world.happen(*people(world))
        done = world.tick()

        assert (done.facts, done.entered) == (3, 0)
        assert counted(conversation) == ({"start": at_start} if at_start else {})

    def test_counts_at_the_thread_that_it_leads_to(self, world: World) -> None:
        other = (
            "  - thread: Other\n    steps:\n"
            f"      - {{key: come, trigger: {{external_event: Order Imported, filter: {BY_CALENDAR}}}}}\n"
            f"      - {END.replace('end', 'over')}\n"
        )
        never = "{external_event: Order Imported, filter: {field: Profile.Points, at_least: 9}}"
        conversation = world.live(
            "", heading=OWN, start=f"{{key: start, trigger: {never}}}", threads=other
        )

        world.happen(*people(world, Renewal="2026-11-20"))
        done = world.tick()

        assert done.entered == 3
        assert counted(conversation) == {"come": 2}


class TestRulesThatReadNoCalendar:
    @pytest.mark.parametrize(("heading", "rule"), [(OWN, BY_NONE), ("", BY_CALENDAR)])
    def test_cost_no_statement(self, world: World, heading: str, rule: str) -> None:
        start = (
            f"{{key: start, trigger: {{external_event: Order Imported, filter: {{not: {rule}}}}}}}"
        )
        world.live(PAUSE, heading=f"{heading}\ngoal: {rule}", start=start)
        inside = people(world)
        world.happen(*inside)
        world.tick()
        for person in inside:
            world.set(person, Points=1)
        world.happen(*inside)

        with CaptureQueriesContext(connections["default"]) as asked:
            done = world.tick(world.now + timedelta(minutes=5))

        assert (done.facts, Enrollment.objects.count()) == (6, 3)
        assert not [one["sql"] for one in asked if "named_by" in one["sql"]]


class TestGoalAndExitRule:
    @pytest.mark.parametrize(
        ("rules", "of_all"),
        [
            (f"goal: {BY_CALENDAR}", 2),
            (f"exit_when: {BY_CALENDAR}", 2),
            (f"goal: {BY_CALENDAR}\nexit_when: {BY_CALENDAR}", 2),
            (f"goal: {BY_NONE}\nexit_when: {BY_NONE}", 0),
        ],
    )
    def test_count_whom_they_are_asked_of(self, world: World, rules: str, of_all: int) -> None:
        conversation = world.live(PAUSE, heading=f"{OWN}\n{rules}")
        inside = people(world)
        world.happen(*inside)
        world.tick()
        assert counted(conversation) == {}

        for person in inside:
            world.set(person, Points=1)
        world.tick(world.now + timedelta(minutes=5))

        assert counted(conversation) == ({"": of_all} if of_all else {})

    def test_count_nobody_by_the_accounts_calendar(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=f"goal: {BY_CALENDAR}")
        inside = people(world)
        world.happen(*inside)
        world.tick()

        world.set(inside[0], Renewal=world.now.date().isoformat())
        world.tick(world.now + timedelta(minutes=5))

        assert Enrollment.objects.filter(end_reason="goal").count() == 1
        assert counted(conversation) == {}


class TestReentry:
    @pytest.mark.parametrize(("after", "of_all"), [("P2D", 2), ("PT48H", 0)])
    def test_counts_whose_days_go_by_the_accounts_clock(
        self, world: World, after: str, of_all: int
    ) -> None:
        conversation = world.live("", heading=f"{OWN}\nreentry: {{after: {after}}}")
        back = people(world)
        world.happen(*back)
        world.tick()
        assert counted(conversation) == {}

        world.happen(*back, at=world.now + DAY)
        world.tick(world.now + DAY)

        assert world.refusals() == ["entered lately"] * 3
        assert counted(conversation) == ({"": of_all} if of_all else {})


class TestAFilterThatIsWaitedFor:
    @pytest.mark.parametrize("timeout", ["PT1H", "P1D"])
    def test_counts_who_arrives_once(self, world: World, timeout: str) -> None:
        asked = "{purchase: {since: '2026-11-01T00:00:00', count: {at_least: 1}}}"
        either = f"{{any: [{asked}, {{field: Profile.Vip, checked: true}}]}}"
        conversation = world.live(
            f"{{key: hold, wait_for: {{filter: {either}, timeout: {timeout}}}}}", heading=OWN
        )
        stays, passes = (
            world.person(time_zone=""),
            world.person(profile={"Vip": "on"}, time_zone=""),
        )

        world.happen(stays, passes, world.person(time_zone="Europe/Rome"))
        world.tick()
        world.set(stays, Points=1)
        world.tick(world.now + timedelta(minutes=5))

        assert (world.path(passes)[1], world.path(stays)[1]) == ("hold>happened", "hold")
        assert counted(conversation) == {"hold": 2}
