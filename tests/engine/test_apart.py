"""A test run changes nothing that lasts outside of it, whatever its steps do."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.tenancy import sql
from conductor.conversations.actions.rehearsing import Start, start_rehearsal
from conductor.conversations.models import Conversation, Enrollment, Refusal, Visit
from contacts.actions.segments import create_segment
from contacts.models import Event, Intake, SegmentMember, SegmentTouch, Subscription
from contacts.segments import follow
from messaging.models import CouponCode, Delivery
from messaging.models.broadcast import VALUES
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.engine.world import World
from tests.factories import ListFactory

pytestmark = pytest.mark.django_db

GRACE = "grace@mail.example"
NONE = "{key: start, trigger: none}"
ACTS = [
    "set_field: {field: Profile.Points, value: 7}",
    "set_date: {field: Profile.Renewal, offset: P1D, of: step}",
    "random_group: {field: Profile.Points, groups: 3}",
    "raise_event: Order Imported",
    "subscribe: Other",
    "unsubscribe: this",
    "unsubscribe: Other",
    "enroll: {conversation: C1, thread: Main}",
    "add_to_segment: Friends",
    "remove_from_segment: Family",
]


def rehearse(world: World, steps: str, **more: Any) -> Conversation:
    """Run a draft to its end for Grace, who has 3 points."""
    drawn = Conversation.objects.get(pk=world.live(steps, start=NONE, **more).pk)
    drawn.commits = {
        key: step["settings"]["committed_id"]
        for key, step in drawn.published.program["steps"].items()
        if "committed_id" in step["settings"]
    }
    run = start_rehearsal(
        conversation=drawn,
        emails=[GRACE],
        speed="full",
        write_to_own=False,
        start=Start(),
        now=world.now,
    )
    for _ in range(4):
        world.tick(world.now + timedelta(seconds=1))
    return run


def ticks(world: World) -> None:
    for _ in range(3):
        world.tick(world.now + timedelta(seconds=1))


def path(run: Conversation) -> list[str]:
    """Return the steps that Grace left, by which exit."""
    visits = Visit.objects.filter(conversation_id=run.pk).order_by("pk")
    return [f"{visit.step_key}>{visit.exit}" for visit in visits]


def standing() -> dict[str, list[Any]]:
    """Return all that a step may have written of contacts, or for others."""
    return {
        "subscriptions": list(
            Subscription.objects.order_by("pk").values_list("list", "contact", "state", "profile")
        ),
        "members": list(SegmentMember.objects.order_by("pk").values_list("segment", "is_member")),
        "events": list(Event.objects.values_list("pk", flat=True)),
        "facts": list(Intake.objects.values_list("conversation_id", "kind")),
        "touches": list(SegmentTouch.objects.values_list("segment", "contact")),
        "refusals": list(Refusal.objects.values_list("reason", flat=True)),
        "codes": list(CouponCode.objects.exclude(handed_at=None)),
    }


@pytest.fixture
def grace(world: World) -> Any:
    """Grace, on the list, in the segment Family; and those who would hear of what she does."""
    grace = world.person(email=GRACE, profile={"Points": 3})
    ListFactory(name="Other")
    family, _ = (
        create_segment(list=world.in_list, name=name, kind="manual", now=world.now)
        for name in ("Family", "Friends")
    )
    SegmentMember.objects.create(segment=family, subscription=grace, since=world.now)
    rule = {
        "any": [{"field": "Profile.Points", "at_least": 5}, {"event": {"name": "Order Imported"}}]
    }
    create_segment(list=world.in_list, name="Rich", rule=rule, now=world.now)
    world.live("{key: hear, wait: {for: P9D}}")
    world.live(
        "{key: in, wait: {for: P9D}}",
        start="{key: start, trigger: {segment: {name: Rich, on: entered}}}",
    )
    world.live(
        "{key: w, wait_for: {event: Order Imported, timeout: P9D}}",
        start="{key: start, trigger: {list: subscribed}}",
        heading="goal: {field: Profile.Points, at_least: 5}",
    )
    follow(list=world.in_list, now=world.now)
    world.tell("subscribed", grace)
    ticks(world)
    return grace


class TestActions:
    @pytest.mark.parametrize("act", ACTS)
    def test_of_a_test_run_change_nothing(self, world: World, grace: Any, act: str) -> None:
        before, inside = standing(), set(Enrollment.objects.values_list("pk", "step_key"))

        run = rehearse(world, f"{{key: act, action: {{{act}}}}}")

        assert path(run) == ["start>next", "act>next", "end>end"]
        assert standing() == before
        others = Enrollment.objects.exclude(conversation=run)
        assert set(others.values_list("pk", "step_key")) == inside

    def test_of_a_script_and_a_split_change_nothing(self, world: World, grace: Any) -> None:
        before = standing()

        run = rehearse(
            world,
            "{key: group, split: {groups: [{name: a, weight: 100}], store: Profile.Note}}\n"
            "{key: script, code: {source: \"return {set: {'Profile.Points': 9}}\"}}\n"
            "{key: ask, if: {branches: [{name: both, filter: {all: "
            "[{field: Profile.Note, is: a}, {field: Profile.Points, is: 9}]}}]}}",
        )

        assert path(run) == ["start>next", "group>a", "script>next", "ask>both", "end>end"]
        assert standing() == before


class TestState:
    @pytest.mark.parametrize(
        ("act", "rule"),
        [
            ("set_field: {field: Profile.Points, value: 7}", "{field: Profile.Points, is: 7}"),
            (
                "set_field: {field: Profile.Points, value: null}",
                "{field: Profile.Points, empty: true}",
            ),
            ("raise_event: Order Imported", "{event: {name: Order Imported}}"),
            ("unsubscribe: this", "{subscription: {state: Unsubscribed}}"),
            ("add_to_segment: Friends", "{segment: Friends}"),
            ("remove_from_segment: Family", "{not: {segment: Family}}"),
        ],
    )
    def test_is_what_later_steps_see_after_a_wait_too(
        self, world: World, grace: Any, act: str, rule: str
    ) -> None:
        run = rehearse(
            world,
            f"{{key: before, if: {{branches: [{{name: holds, filter: {rule}}}]}}}}\n"
            f"{{key: act, action: {{{act}}}}}\n"
            "{key: pause, wait: {for: P3D}}\n"
            f"{{key: after, if: {{branches: [{{name: holds, filter: {rule}}}]}}}}",
        )

        assert path(run)[1:] == ["before>else", "act>next", "pause>next", "after>holds", "end>end"]

    def test_reaches_the_goal_of_the_run(self, world: World, grace: Any) -> None:
        run = rehearse(
            world,
            "{key: act, action: {set_field: {field: Profile.Points, value: 7}}}\n"
            "{key: pause, wait_for: {event: Order Imported, timeout: P3D}}\n"
            "{key: again, wait: {for: P3D}}",
            heading="goal: {field: Profile.Points, at_least: 5}",
        )

        assert Enrollment.objects.get(conversation=run).end_reason == "goal"

    def test_is_what_messages_show(self, world: World, grace: Any) -> None:
        rehearse(
            world,
            "{key: act, action: {set_field: {field: Profile.Points, value: 7}}}\n"
            "{key: mail, message: {saved_message: We miss you}}",
        )
        points = str(world.fields["Points"].pk)

        (sent,) = claim(
            channel="email", provider="smtp", lane=Lane.URGENT, sender="s", most=9, now=world.now
        ).sending

        assert sent.profile[points] == 7
        assert Delivery.objects.get().event_properties == {VALUES: {points: 7}}

    def test_is_what_webhooks_are_filled_in_with(self, world: World, grace: Any) -> None:
        rehearse(
            world,
            "{key: act, action: {set_field: {field: Profile.Points, value: 7}}}\n"
            "{key: hook, webhook: {url: 'https://shop.example/'}}",
        )

        (row,) = sql.fetch_dicts(
            sql.statement("conductor.engine", "claim_calls"),
            now=world.now,
            lease_until=world.now + timedelta(minutes=2),
            most=9,
            each=9,
            full_versions=[],
            full_steps=[],
            attempts=4,
        )

        assert f'"{world.fields["Points"].pk}": 7' in row["profile"]

    def test_keeps_what_a_webhook_answered(self, world: World, grace: Any) -> None:
        run = rehearse(
            world,
            "{key: hook, webhook: {url: 'https://shop.example/', "
            "save_response: {Profile.Note: /note}}}\n"
            "{key: ask, if: {branches: [{name: noted, filter: {field: Profile.Note, is: yes}}]}}",
        )
        before = standing()
        outcome = f'{{"status": 200, "values": {{"{world.fields["Note"].pk}": "yes"}}}}'
        sql.execute(
            "UPDATE conversations_call SET state = 'done', outcome = %(o)s::jsonb", o=outcome
        )
        Enrollment.objects.filter(conversation=run).update(due_at=world.now)

        ticks(world)

        assert path(run)[-3:] == ["hook>next", "ask>noted", "end>end"]
        assert standing() == before

    def test_says_what_each_visit_set(self, world: World, grace: Any) -> None:
        run = rehearse(world, "{key: act, action: {set_field: {field: Profile.Points, value: 7}}}")
        run.refresh_from_db()

        state = run.rehearsal["state"][str(grace.contact_id)]

        points = str(world.fields["Points"].pk)
        assert state["changes"] == [{"step_key": "act", "visit": 1, "profile": {points: 7}}]
