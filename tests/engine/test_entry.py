"""Entry and re-entry: who comes in by which fact, who is refused and why, what stays queued."""

from datetime import timedelta

import pytest

from accounts.tenancy import lookups
from conductor.conversations.models import Conversation, Enrollment
from contacts.models import Event, Intake, Subscription
from tests.engine.world import World, check_conservation
from tests.factories import ContactFactory

DAY = timedelta(days=1)
PAUSE = "{key: pause, wait: {for: P10D}}"


def entries(world: World, person: Subscription) -> list[int]:
    """Return the entry numbers of a person."""
    found = Enrollment.objects.filter(subscription_id=person.pk)
    return list(found.order_by("id").values_list("entry_number", flat=True))


class TestReentry:
    @pytest.mark.parametrize(
        ("reentry", "days", "refusals"),
        [
            ("once", 400, ["entered before"]),
            ("{after: P90D}", 89, ["entered lately"]),
            ("{after: P90D}", 90, []),
            ("unlimited", 0, []),
        ],
    )
    def test_is_as_the_conversation_says(
        self, world: World, reentry: str, days: int, refusals: list[str]
    ) -> None:
        world.live("", heading=f"reentry: {reentry}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.happen(grace, at=world.now + days * DAY)
        world.tick(world.now + days * DAY)

        assert world.refusals() == refusals
        assert entries(world, grace) == ([1] if refusals else [1, 2])

    @pytest.mark.parametrize("reentry", ["once", "{after: P1D}", "unlimited"])
    def test_is_refused_to_those_inside(self, world: World, reentry: str) -> None:
        world.live(PAUSE, heading=f"reentry: {reentry}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        world.happen(grace, at=world.now + 2 * DAY)
        world.tick(world.now + 2 * DAY)

        assert world.refusals() == ["already in"]
        assert world.queued() == 0

    def test_counts_from_the_latest_entry_by_the_clock_of_the_zone(self, world: World) -> None:
        # From 18 November, 07:00 in New York, to 18 March, 07:00, an hour less in UTC.
        world.live("", heading="reentry: {after: P4M}")
        grace = world.person()
        world.happen(grace)
        world.tick()
        again = world.now.replace(year=2027, month=3, hour=11)

        world.happen(grace, at=again - timedelta(seconds=1))
        world.tick(again - timedelta(seconds=1))
        world.happen(grace, at=again)
        world.tick(again)

        assert world.refusals() == ["entered lately"]
        assert entries(world, grace) == [1, 2]

    def test_spans_threads_and_versions(self, world: World) -> None:
        conversation = world.live("")
        grace = world.person()
        world.happen(grace)
        world.tick()
        world.publish(conversation, conversation.draft)

        world.happen(grace)
        world.tick()

        assert world.refusals() == ["entered before"]

    def test_is_per_conversation(self, world: World) -> None:
        world.live("")
        world.live("")
        grace = world.person()

        world.happen(grace)
        done = world.tick()

        assert done.entered == 2


class TestEntry:
    def test_is_one_a_tick_and_the_rest_stay_queued(self, world: World) -> None:
        world.live("", heading="reentry: unlimited")
        grace, ada = world.person(), world.person()

        world.happen(grace, grace, ada, grace)

        assert world.tick().entered == 2
        assert world.queued() == 2
        assert world.tick().entered == 1
        assert world.tick().entered == 1
        assert entries(world, grace) == [1, 2, 3]
        assert world.refusals() == []

    def test_takes_events_in_order(self, world: World) -> None:
        world.live("", heading="reentry: unlimited")
        grace = world.person()

        world.happen(grace, at=world.now, properties={"turn": 2})
        world.happen(grace, at=world.now - DAY, properties={"turn": 1})
        world.tick()
        world.tick()

        found = Enrollment.objects.order_by("id").values_list("entry_properties", flat=True)
        assert [properties["turn"] for properties in found] == [1, 2]

    def test_waits_for_a_fact_that_has_not_happened_yet(self, world: World) -> None:
        world.live("")
        grace = world.person()
        world.happen(grace, occurred_at=world.now + DAY)

        assert world.tick().entered == 0
        assert world.queued() == 1
        # Nor is there anything to do until then.
        assert lookups.due_accounts(now=world.now, most=10) == []
        assert len(lookups.due_accounts(now=world.now + DAY, most=10)) == 1
        assert world.tick(world.now + DAY).entered == 1

    def test_keeps_how_it_began(self, world: World) -> None:
        world.live(PAUSE)
        grace = world.person()

        world.happen(grace, properties={"order": "A1"})
        world.tick()

        place = world.place(grace)
        assert place.entry_kind == "external_event"
        assert place.entry_external_event_id == world.event.pk
        assert place.entry_event_id == Event.objects.get().pk
        assert place.entry_thread == "Main"
        assert place.entry_properties == {"order": "A1"}
        assert place.entered_at == place.arrived_at == world.now
        assert (place.list_id, place.contact_id) == (world.in_list.pk, grace.contact_id)

    def test_is_open_to_the_unsubscribed_by_an_event(self, world: World) -> None:
        world.live("{key: hello, message: {saved_message: We miss you}}")
        grace = world.person(email="grace@mail.example", state="Unsubscribed")

        world.happen(grace)
        world.tick()

        assert world.deliveries() == [("grace@mail.example", "skipped", "suppressed")]

    def test_is_refused_to_those_not_on_the_list(self, world: World) -> None:
        world.live("")
        stranger = ContactFactory()
        person = world.person()
        person.contact = stranger

        world.happen(person)
        world.tick()

        assert world.refusals() == ["not on list"]
        assert Enrollment.objects.count() == 0

    def test_is_by_the_first_trigger_in_file_order_that_matches(self, world: World) -> None:
        other = (
            "  - thread: Other\n    steps:\n"
            "      - {key: second, trigger: {external_event: Order Imported}}\n"
            "      - {key: done, terminate: {}}\n"
        )
        conversation = world.live("", threads=other)
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][0] = {
            "key": "start",
            "trigger": {
                "external_event": "Order Imported",
                "filter": {"field": "Profile.Points", "at_least": 5},
            },
        }
        world.publish(conversation, structure)
        rich, poor = world.person(profile={"Points": 9}), world.person()

        world.happen(rich, poor)
        world.tick()

        assert world.place(rich).entry_thread == "Main"
        assert world.place(poor).entry_thread == "Other"
        assert Enrollment.objects.count() == 2

    def test_passes_over_an_event_that_a_filter_does_not_match(self, world: World) -> None:
        conversation = world.live("")
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][0]["trigger"]["filter"] = {
            "entry": {"property": {"name": "total", "at_least": 50}}
        }
        world.publish(conversation, structure)
        grace = world.person()

        world.happen(grace, properties={"total": 10})
        world.happen(grace, properties={"total": 60})
        world.happen(grace, properties={"total": 70})
        world.tick()

        # It does not count as an entry: the next event of the same tick comes in.
        assert world.refusals() == ["trigger filter"]
        assert world.place(grace).entry_properties == {"total": 60}
        assert world.queued() == 1
        world.tick()
        assert world.refusals() == ["trigger filter", "entered before"]

    @pytest.mark.parametrize("kind", ["subscribed", "import"])
    def test_is_by_other_facts_too(self, world: World, kind: str) -> None:
        conversation = world.live(PAUSE)
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][0]["trigger"] = (
            {"import": True} if kind == "import" else {"list": kind}
        )
        world.publish(conversation, structure)
        grace = world.person()

        world.tell(kind, grace)
        world.happen(grace)
        world.tick()

        assert world.place(grace).entry_kind == kind
        assert Enrollment.objects.count() == 1

    def test_ends_when_the_conversation_expires(self, world: World) -> None:
        world.live(PAUSE, heading="expires: '2026-11-19T07:00:00'")
        early, late = world.person(), world.person()
        world.happen(early)
        world.tick()

        world.happen(late, at=world.now + DAY)
        world.tick(world.now + DAY)

        assert world.refusals() == ["expired"]
        assert entries(world, early) == [1]

    def test_stops_a_chain_of_ten(self, world: World) -> None:
        world.live("")
        grace = world.person()
        world.happen(grace)
        Intake.objects.update(depth=10)
        world.tick()

        assert world.refusals() == ["loop"]


class TestPause:
    def test_stops_entries_and_timers_and_loses_nothing(self, world: World) -> None:
        conversation = world.live("{key: pause, wait: {for: P1D}}")
        inside, outside = world.person(), world.person()
        world.happen(inside)
        world.tick()
        Conversation.objects.update(paused_at=world.now)
        world.happen(outside)

        assert world.tick(world.now + 5 * DAY).rows == 0
        assert world.queued() == 1

        Conversation.objects.update(paused_at=None)
        resumed = world.now + DAY
        done = world.tick(resumed)

        assert (done.claimed, done.entered) == (1, 1)
        assert world.path(inside)[-1] == "(terminated)"
        assert world.place(outside).due_at == resumed + DAY
        check_conservation(conversation.pk)


class TestVersions:
    def test_keep_those_inside_and_take_new_ones_in_the_same_tick(self, world: World) -> None:
        conversation = world.live("{key: pause, wait: {for: P1D}}\n{key: old, terminate: {}}")
        before, after = world.person(), world.person()
        world.happen(before)
        world.tick()
        structure = dict(conversation.draft)
        structure["threads"][0]["steps"][2:3] = [{"key": "new", "wait": {"for": "P2D"}}]
        world.publish(conversation, structure)

        world.happen(after, at=world.now + DAY)
        world.tick(world.now + DAY)
        world.tick(world.now + DAY)

        assert world.path(before) == ["start>next", "pause>next", "old>end", "(terminated)"]
        assert world.path(after) == ["start>next", "pause>next", "new"]
        check_conservation(conversation.pk)
