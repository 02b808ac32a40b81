"""Which facts a conversation hears of, in which role, and for how long."""

from copy import deepcopy
from datetime import datetime

import pytest

from accounts.models import Account
from conductor.conversations.actions.listening import forget_listeners
from conductor.conversations.models import Conversation
from conductor.conversations.program import Hearing, listeners
from contacts.models import Listener
from tests.engine.world import World

ALWAYS = {("watch", "address_changed"), ("watch", "deleted")}


@pytest.fixture
def world(inside_acme: Account, now: datetime) -> World:
    """A list of acme and what conversations need there."""
    return World(now)


def heard(conversation: Conversation) -> set[tuple[str, str]]:
    """Return (role, kind) of what a conversation listens to."""
    found = Listener.objects.filter(conversation_id=conversation.pk)
    return set(found.values_list("role", "kind"))


class TestListeners:
    def test_are_the_trigger_and_who_is_gone(self, world: World) -> None:
        assert heard(world.live("")) == {("trigger", "external_event"), *ALWAYS}

    def test_are_what_steps_and_rules_ask_for(self, world: World) -> None:
        conversation = world.live(
            "{key: vip, wait_for: {filter: {field: Profile.Vip, checked: true}, timeout: P1D}}",
            heading="on_unsubscribe: end",
        )

        kinds = ("profile_updated", "added", "unsubscribed", "stopped", "bounced")
        assert heard(conversation) == {
            ("trigger", "external_event"),
            *ALWAYS,
            *(("watch", kind) for kind in kinds),
        }

    @pytest.mark.parametrize("name", ["goal", "exit_when"])
    def test_are_everything_where_a_rule_may_end_it(self, world: World, name: str) -> None:
        conversation = world.live("", heading=f"{name}: {{field: Profile.Vip, checked: true}}")

        assert heard(conversation) == {("trigger", "external_event"), ("watch", "any")}

    @pytest.mark.parametrize(
        ("zone", "kinds"),
        [
            ("account", {"added", "profile_updated"}),
            ("contact", {"added", "profile_updated", "contact_updated"}),
        ],
    )
    def test_set_yearly_dates_anew(self, world: World, zone: str, kinds: set[str]) -> None:
        conversation = world.live(
            "",
            heading=f"time_zone: {zone}",
            start="{key: start, trigger: {date: {field: Profile.Birthday}}}",
        )

        assert heard(conversation) == {*ALWAYS, *(("alarm", kind) for kind in kinds)}

    def test_hear_as_far_back_as_the_longest_of_their_triggers(self, world: World) -> None:
        written = "{key: start, trigger: {order: {max_age: P1D}}}"
        more = (
            "  - {thread: Two, steps: [{key: two, trigger: {order: {max_age: P1M}}}, "
            "{key: end2, terminate: {}}]}\n"
            "  - {thread: Three, steps: [{key: three, trigger: {order: {}}}, "
            "{key: end3, terminate: {}}]}\n"
        )

        conversation = world.live("", start=written, threads=more)

        listener = Listener.objects.get(conversation_id=conversation.pk, role="trigger")
        assert listener.within == {"months": 1, "days": 0, "seconds": 0}

    def test_of_programs_from_before_are_their_triggers(self) -> None:
        program = {
            "time_zone": "account",
            "triggers": [{"kind": "external_event", "external_event_ids": [1, 2]}],
        }

        assert set(listeners(program)) == {
            Hearing("trigger", "external_event", 1),
            Hearing("trigger", "external_event", 2),
        }


class TestPublishing:
    def test_goes_on_watching_for_those_inside_an_older_version(self, world: World) -> None:
        conversation = world.live("{key: pause, wait_for: {order: {}, timeout: P9D}}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        conversation.refresh_from_db()
        structure = deepcopy(conversation.draft)
        vip = {"filter": {"field": "Profile.Vip", "checked": True}, "timeout": "P9D"}
        structure["threads"][0]["steps"][1]["wait_for"] = vip
        world.publish(conversation, structure)
        forget_listeners(world.now)
        both = {("watch", kind) for kind in ("order", "profile_updated", "added")}
        assert heard(conversation) >= both

        world.tick(world.now.replace(month=12))
        forget_listeners(world.now)
        assert heard(conversation) == {
            ("trigger", "external_event"),
            ("watch", "profile_updated"),
            ("watch", "added"),
            *ALWAYS,
        }

    def test_changes_nothing_when_done_twice(self, world: World) -> None:
        conversation = world.live("", start="{key: start, trigger: {order: {}}}")
        before = list(Listener.objects.order_by("id").values())
        conversation.refresh_from_db()

        world.publish(conversation, conversation.draft)

        assert list(Listener.objects.order_by("id").values()) == before
