"""Endings: goal, exit rule, unsubscribing, a new address, erasure end those inside."""

from datetime import timedelta
from typing import Any

import pytest

from conductor.conversations.actions.by_hand import Chosen, end_by_hand
from conductor.conversations.models import Enrollment, Visit
from conductor.conversations.summary import summarize
from conductor.steps.filter import Filter
from contacts import filters
from contacts.models import Contact, Subscription
from messaging.models import Delivery
from tests.engine.test_faults import DIVIDES
from tests.engine.world import World, check_conservation

DAY = timedelta(days=1)
PAUSE = "{key: pause, wait: {for: P10D}}"
GOAL = "goal: {field: Profile.Points, at_least: 5}"
EXIT = "exit_when: {field: Profile.Vip, checked: true}"


def inside(world: World, **given: Any) -> Subscription:
    """Let a person in and up to the wait."""
    person: Subscription = world.person(**given)
    world.happen(person)
    world.tick()
    assert world.path(person)[-1] == "pause"
    return person


class TestGoal:
    def test_ends_those_who_reach_it(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=GOAL)
        grace, ada = inside(world), inside(world)

        world.set(grace, Points=5)
        world.set(ada, Points=4)
        done = world.tick(world.now + DAY)

        assert done.visits == 1
        assert world.path(grace) == ["start>next", "pause>end", "(goal)"]
        assert world.path(ada) == ["start>next", "pause"]
        assert world.place(grace).ended_at == world.now
        check_conservation(conversation.pk)

    def test_is_counted_with_those_who_come_to_a_goal_step(self, world: World) -> None:
        steps = "{key: ask, filter: {field: Profile.Vip, checked: true}, exits: {otherwise: pause}}"
        reached = "{key: reached, terminate: {goal: true}}"
        conversation = world.live(f"{steps}\n{reached}\n{PAUSE}", heading=f"{GOAL}\n{EXIT}")
        people = [world.person(profile={"Vip": "on"}) for _ in range(3)]
        people += [inside(world) for _ in range(4)]
        world.happen(*people[:3])
        world.tick()
        end_by_hand(
            conversation=conversation, chosen=Chosen(contact=people[5].contact), now=world.now
        )

        world.set(people[3], Points=5)
        world.set(people[4], Vip="on")
        world.tick(world.now + DAY)

        assert [world.path(person)[-1] for person in people] == [
            *["(goal)"] * 4, "(exit rule)", "(by hand)", "pause",
        ]  # fmt: skip
        counted = summarize(conversation=conversation)
        assert (counted.entered, counted.waiting, counted.converted) == (7, 1, 4)
        assert sum(counted.by_step["pause"].exits.values()) == 3
        check_conservation(conversation.pk)

    def test_is_not_asked_of_the_fact_that_lets_in(self, world: World) -> None:
        world.live(PAUSE, heading=GOAL)
        grace = world.person(profile={"Points": 9})

        world.set(grace, Points=9)
        world.happen(grace)
        world.tick()
        world.tick()

        assert world.path(grace) == ["start>next", "pause"]
        assert world.queued() == 0

    def test_wins_over_the_timer_and_the_exit_rule(self, world: World) -> None:
        world.live(PAUSE, heading=f"{EXIT}\n{GOAL}")
        grace = inside(world)

        world.now += 10 * DAY
        world.set(grace, Points=5, Vip="on")
        world.tick()

        assert world.path(grace) == ["start>next", "pause>end", "(goal)"]

    def test_writes_nothing_of_those_who_only_wake(self, world: World) -> None:
        world.live(PAUSE, heading=GOAL)
        grace = inside(world)
        before = Enrollment.objects.values("due_at", "arrived_at", "step_key").get()

        world.set(grace, Points=1)
        done = world.tick(world.now + DAY)

        assert (done.facts, done.visits) == (1, 0)
        assert Enrollment.objects.values("due_at", "arrived_at", "step_key").get() == before

    def test_ends_those_who_are_held_and_leaves_the_others_held(self, world: World) -> None:
        world.live(PAUSE, heading=GOAL)
        grace, ada = inside(world), inside(world)
        Enrollment.objects.update(held_reason="step_error 22012", due_at=None)

        world.set(grace, Points=5)
        world.set(ada, Points=4)
        world.tick(world.now + DAY)

        assert world.path(grace)[-1] == "(goal)"
        assert world.place(grace).held_reason == ""
        assert world.place(ada).held_reason == "step_error 22012"

    def test_of_an_older_version_ends_those_who_live_by_it(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=GOAL)
        grace = inside(world)
        structure = {key: value for key, value in conversation.draft.items() if key != "goal"}
        world.publish(conversation, structure)
        ada = inside(world)

        world.set(grace, Points=5)
        world.set(ada, Points=5)
        world.tick()

        assert world.path(grace)[-1] == "(goal)"
        assert world.path(ada)[-1] == "pause"

    def test_takes_back_the_messages_put_off(self, world: World) -> None:
        world.live(
            f"{{key: hello, message: {{saved_message: We miss you}}}}\n{PAUSE}", heading=GOAL
        )
        grace, ada, eve = inside(world), inside(world), inside(world)
        deferred = {"state": "deferred", "not_before": world.now + DAY, "reason": "quiet hours"}
        of_two = Delivery.objects.filter(subscription_id__in=[grace.pk, ada.pk])
        assert of_two.update(**deferred) == 2

        world.set(grace, Points=5)
        world.set(eve, Points=5)
        world.tick()

        found = Delivery.objects.order_by("id").values_list("state", "reason", "not_before")
        assert list(found) == [
            ("skipped", "exited by goal", None),
            ("deferred", "quiet hours", world.now + DAY),
            ("queued", "", None),
        ]

    def test_that_errs_for_one_holds_that_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation = world.live(PAUSE, heading=GOAL)
        people = [inside(world) for _ in range(5)]
        monkeypatch.setattr(filters, "condition", lambda *_rule, **_how: DIVIDES)
        monkeypatch.setitem(DIVIDES.params, "field", str(world.fields["Points"].pk))

        for points, person in enumerate(people, 1):
            world.set(person, Points=points)
        world.tick()

        assert [world.path(person)[-1] for person in people] == [
            "(goal)",
            "(goal)",
            "pause",
            "(goal)",
            "(goal)",
        ]
        assert world.place(people[2]).held_reason == "step_error 22012"
        check_conservation(conversation.pk)


class TestExitRule:
    def test_ends_wherever_they_are(self, world: World) -> None:
        conversation = world.live(PAUSE, heading=EXIT)
        grace = inside(world)

        world.set(grace, Vip="on")
        world.tick()

        assert world.path(grace) == ["start>next", "pause>end", "(exit rule)"]
        check_conservation(conversation.pk)


class TestUnsubscribing:
    @pytest.mark.parametrize("kind", ["unsubscribed", "stopped", "bounced"])
    def test_ends_where_the_conversation_says_so(self, world: World, kind: str) -> None:
        ending = world.live(PAUSE, heading="on_unsubscribe: end")
        staying = world.live(PAUSE)
        grace = inside(world)

        world.tell(kind, grace)
        world.tick()

        ended = Enrollment.objects.get(conversation=ending)
        assert (ended.end_reason, ended.ended_at) == ("unsubscribed", world.now)
        assert Enrollment.objects.get(conversation=staying).ended_at is None

    def test_wins_over_the_goal(self, world: World) -> None:
        world.live(PAUSE, heading=f"on_unsubscribe: end\n{GOAL}")
        grace = inside(world)

        world.set(grace, Points=5)
        world.tell("unsubscribed", grace)
        world.tick()

        assert world.path(grace)[-1] == "(unsubscribed)"


class TestAddress:
    def test_change_ends_the_old_one(self, world: World) -> None:
        conversation = world.live(PAUSE)
        grace = inside(world)

        world.queue(conversation, "wake", grace, method="address_changed")
        world.tick()

        assert world.path(grace) == ["start>next", "pause>end", "(address changed)"]


class TestErasure:
    def test_ends_what_the_fact_finds(self, world: World) -> None:
        conversation = world.live(PAUSE)
        grace = inside(world)
        Subscription.objects.filter(pk=grace.pk).delete()

        world.queue(conversation, "wake", grace, method="deleted", subscription_id=None)
        world.tick()

        assert world.path(grace) == ["start>next", "pause>end", "(contact deleted)"]
        check_conservation(conversation.pk)

    def test_ends_whom_a_step_cannot_find(self, world: World) -> None:
        asking = "{key: ask, filter: {field: Profile.Points, at_least: 5}}"
        conversation = world.live(f"{PAUSE}\n{asking}")
        grace = inside(world)
        Subscription.objects.filter(pk=grace.pk).delete()
        Contact.objects.filter(pk=grace.contact_id).delete()

        world.tick(world.now + 10 * DAY)

        assert world.path(grace) == ["start>next", "pause>next", "ask>end", "(contact deleted)"]
        check_conservation(conversation.pk)

    def test_leaves_who_is_there_and_has_no_way_out_held(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.live("{key: ask, filter: {all: []}}")
        monkeypatch.setattr(Filter, "execute", lambda _step, _arrivals: None)
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.place(grace).held_reason == "no way out"
        assert not Visit.objects.filter(step_key="ask").exists()
