"""Acts beyond fields: events, lists, other conversations, segments."""

import pytest

from accounts.models import List
from conductor.conversations.models import Conversation, Enrollment, Refusal
from contacts.models import Event, ExternalEvent, Intake, Segment, SegmentMember, Subscription
from tests.engine.world import World
from tests.factories import ExternalEventFactory, ListFactory, SubscriptionFactory
from tests.steps.acting import act, run, started_by


def told(world: World) -> list[tuple[str, str, int]]:
    """Return what is queued in order: (kind, method, depth)."""
    return list(Intake.objects.order_by("id").values_list("kind", "method", "depth"))


@pytest.fixture
def second(world: World) -> ExternalEvent:
    """Another event of the list."""
    return ExternalEventFactory(list=world.in_list, name="Second")


@pytest.fixture
def news(world: World) -> List:
    """Another list."""
    return ListFactory(name="News")


class TestRaiseEvent:
    def test_starts_another_conversation_a_moment_later(
        self, world: World, second: ExternalEvent
    ) -> None:
        started = started_by(world, "Started", "{external_event: Second}")
        world.live(act("raise_event: Second"))
        grace, bob = world.person(), world.person()

        run(world, grace, bob)

        events = Event.objects.filter(external_event_id=second.pk)
        assert {(event.contact_id, event.source) for event in events} == {
            (grace.contact_id, "action"),
            (bob.contact_id, "action"),
        }
        assert told(world) == [("external_event", "action", 1)] * 2
        world.tick()
        events_of = {event.contact_id: event.pk for event in events}
        entered = Enrollment.objects.filter(conversation=started)
        assert {(row.subscription_id, row.depth, row.entry_event_id) for row in entered} == {
            (grace.pk, 1, events_of[grace.contact_id]),
            (bob.pk, 1, events_of[bob.contact_id]),
        }

    def test_ends_a_chain_after_ten(self, world: World, second: ExternalEvent) -> None:
        conversation = started_by(
            world, "Round", "{external_event: Second}", act("raise_event: Second")
        )
        Conversation.objects.filter(pk=conversation.pk).update(draft={})
        version = conversation.versions.get()
        version.program["reentry"] = {"kind": "unlimited"}
        version.save()
        world.live(act("raise_event: Second"))

        run(world, world.person())
        for _ in range(15):
            world.tick()

        depths = Enrollment.objects.filter(conversation=conversation).values_list(
            "depth", flat=True
        )
        assert sorted(depths) == list(range(1, 10))
        assert world.refusals() == ["loop"]

    def test_keeps_the_event_where_nobody_listens(
        self, world: World, second: ExternalEvent
    ) -> None:
        world.live(act("raise_event: Second"))

        run(world, world.person())

        assert Event.objects.filter(external_event_id=second.pk).count() == 1
        assert world.queued() == 0

    @pytest.mark.parametrize(
        ("change", "reason"),
        [("delete", "the event is gone"), ("block", "the event is blocked")],
    )
    def test_holds_where_the_event_cannot_be_raised(
        self, world: World, second: ExternalEvent, change: str, reason: str
    ) -> None:
        world.live(act("raise_event: Second"))
        grace = world.person()
        found = ExternalEvent.objects.filter(pk=second.pk)
        if change == "delete":
            found.delete()
        else:
            found.update(status="Blocked")

        run(world, grace)

        assert world.path(grace) == ["start>next", "act"]
        assert world.place(grace).held_reason == reason


class TestSubscribe:
    def test_puts_who_is_not_there_on_the_list(self, world: World, news: List) -> None:
        world.live(act("subscribe: News"))
        grace = world.person()

        run(world, grace)

        made = Subscription.objects.get(list=news, contact_id=grace.contact_id)
        assert (made.state, made.subscribe_method, made.subscribed_at) == (
            "Subscribed",
            "action",
            world.now,
        )
        assert len(made.email_key) == 26
        assert world.path(grace)[-1] == "(terminated)"

    @pytest.mark.parametrize(
        ("state", "year", "after", "facts"),
        [
            ("Pending", None, "Subscribed", ["subscribed"]),
            ("Pending", 2025, "Subscribed", ["resubscribed"]),
            ("Subscribed", 2025, "Subscribed", []),
            ("Unsubscribed", 2025, "Unsubscribed", []),
        ],
    )
    def test_never_takes_back_an_unsubscribe(
        self, world: World, news: List, state: str, year: int | None, after: str, facts: list[str]
    ) -> None:
        home, world.in_list = world.in_list, news
        for kind in ("subscribed", "resubscribed"):
            started_by(world, kind, f"{{list: {kind}}}")
        world.in_list = home
        world.live(act("subscribe: News"))
        grace = world.person()
        earlier = world.now.replace(year=2025)
        standing = SubscriptionFactory(
            list=news,
            contact=grace.contact,
            state=state,
            subscribed_at=earlier if year else None,
            created_at=earlier,
        )

        run(world, grace)

        standing.refresh_from_db()
        assert standing.state == after
        assert standing.subscribed_at == (earlier if year else (world.now if facts else None))
        assert [kind for kind, _, _ in told(world)] == facts

    def test_starts_the_other_lists_conversation(self, world: World, news: List) -> None:
        home, world.in_list = world.in_list, news
        welcome = started_by(world, "Welcome", "{list: subscribed}")
        world.in_list = home
        world.live(act("subscribe: News"))
        grace = world.person()

        run(world, grace)
        world.tick()

        entered = Enrollment.objects.get(conversation=welcome)
        made = Subscription.objects.get(list=news)
        assert (entered.subscription_id, entered.depth, entered.entry_method) == (
            made.pk,
            1,
            "action",
        )

    def test_holds_where_the_list_is_gone(self, world: World, news: List) -> None:
        world.live(act("subscribe: News"))
        grace = world.person()
        news.delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the list is gone"

    def test_holds_who_has_no_address_and_nobody_else(self, world: World, news: List) -> None:
        world.live(act("subscribe: News"))
        grace, bob = world.person(), world.person()
        type(bob.contact).objects.filter(pk=bob.contact_id).update(email_norm="", email="")

        run(world, grace, bob)

        assert world.path(grace)[-1] == "(terminated)"
        assert world.place(bob).held_reason == "no email address"
        assert list(
            Subscription.objects.filter(list=news).values_list("contact_id", flat=True)
        ) == [grace.contact_id]


class TestUnsubscribe:
    def test_takes_off_this_list(self, world: World) -> None:
        world.live(act("unsubscribe: this"))
        grace = world.person()

        run(world, grace)

        grace.refresh_from_db()
        assert (grace.state, grace.unsubscribe_method, grace.unsubscribed_at) == (
            "Unsubscribed",
            "action",
            world.now,
        )
        assert world.path(grace)[-1] == "(terminated)"

    def test_takes_off_another_list_only_who_is_on_it(self, world: World, news: List) -> None:
        world.live(act("unsubscribe: News"))
        grace, bob = world.person(), world.person()
        there = SubscriptionFactory(list=news, contact=grace.contact, state="Pending")

        run(world, grace, bob)

        there.refresh_from_db()
        grace.refresh_from_db()
        assert (there.state, grace.state) == ("Unsubscribed", "Subscribed")
        assert world.path(bob)[-1] == "(terminated)"

    def test_leaves_the_first_date(self, world: World) -> None:
        world.live(act("unsubscribe: this"))
        earlier = world.now.replace(year=2025)
        grace = world.person(state="Unsubscribed")
        Subscription.objects.filter(pk=grace.pk).update(unsubscribed_at=earlier)

        run(world, grace)

        grace.refresh_from_db()
        assert grace.unsubscribed_at == earlier

    def test_ends_those_who_wait_where_it_says_so(self, world: World) -> None:
        waiting = world.live("{key: pause, wait: {for: P9D}}", heading="on_unsubscribe: end")
        world.live(act("unsubscribe: this"))
        grace = world.person()

        run(world, grace)
        world.tick()

        assert Enrollment.objects.get(conversation=waiting).end_reason == "unsubscribed"


class TestEnroll:
    STEP = act("enroll: {conversation: Target, thread: Main}")

    def target(self, world: World, *steps: str) -> Conversation:
        """Publish a conversation that nobody enters by a fact of the tests."""
        return started_by(world, "Target", "{list: address_changed}", *steps)

    def test_enters_without_asking_the_trigger(self, world: World) -> None:
        target = self.target(world)
        world.live(self.STEP)
        grace = world.person()

        run(world, grace)
        assert told(world) == [("enroll", "action", 1)]
        world.tick()

        entered = Enrollment.objects.get(conversation=target)
        assert (entered.subscription_id, entered.entry_kind, entered.depth) == (
            grace.pk,
            "enroll",
            1,
        )

    def test_is_refused_where_the_contact_is_in_already(self, world: World) -> None:
        target = self.target(world, "{key: pause, wait: {for: P9D}}")
        world.live(self.STEP, heading="reentry: unlimited")
        grace = world.person()
        for _ in range(2):
            run(world, grace)
            world.tick()

        assert Enrollment.objects.filter(conversation=target).count() == 1
        assert Refusal.objects.get(conversation=target).kind == "enroll"

    def test_is_refused_where_nothing_is_published(self, world: World) -> None:
        target = self.target(world)
        world.live(self.STEP)
        Conversation.objects.filter(pk=target.pk).update(published=None)
        grace = world.person()

        run(world, grace)

        refusal = Refusal.objects.get()
        assert (refusal.conversation_id, refusal.contact_id, refusal.kind, refusal.reason) == (
            target.pk,
            grace.contact_id,
            "enroll",
            "not published",
        )
        assert world.queued() == 0
        assert world.path(grace)[-1] == "(terminated)"

    def test_holds_where_the_thread_is_gone(self, world: World) -> None:
        target = self.target(world)
        world.live(self.STEP)
        version = target.versions.get()
        version.program["entries"] = {"start": "Another"}
        version.save()
        grace = world.person()

        run(world, grace)

        assert world.place(grace).held_reason == "the thread is gone"

    def test_holds_where_the_conversation_is_gone(self, world: World) -> None:
        target = self.target(world)
        world.live(self.STEP)
        Conversation.objects.filter(pk=target.pk).update(published=None)
        target.delete()
        grace = world.person()

        run(world, grace)

        assert world.place(grace).held_reason == "the conversation is gone"


class TestSegments:
    @pytest.fixture
    def vips(self, world: World) -> Segment:
        """A segment that is kept by hand."""
        return Segment.objects.create(
            list=world.in_list,
            name="Vips",
            kind="manual",
            created_at=world.now,
            modified_at=world.now,
        )

    def test_adds_and_tells_of_it_once(self, world: World, vips: Segment) -> None:
        started = started_by(world, "Started", "{segment: {name: Vips, on: entered}}")
        world.live(act("add_to_segment: Vips"))
        grace, bob = world.person(), world.person()
        SegmentMember.objects.create(segment=vips, subscription=bob, since=world.now)

        run(world, grace, bob)

        members = SegmentMember.objects.filter(segment=vips, is_member=True)
        assert set(members.values_list("subscription_id", flat=True)) == {grace.pk, bob.pk}
        assert told(world) == [("segment_entered", "action", 1)]
        world.tick()
        assert Enrollment.objects.get(conversation=started).subscription_id == grace.pk

    def test_removes_and_tells_of_it_once(self, world: World, vips: Segment) -> None:
        started_by(world, "Started", "{segment: {name: Vips, on: left}}")
        world.live(act("remove_from_segment: Vips"))
        grace, bob = world.person(), world.person()
        SegmentMember.objects.create(segment=vips, subscription=bob, since=world.now)

        run(world, grace, bob)

        assert not SegmentMember.objects.exists()
        assert told(world) == [("segment_left", "action", 1)]
        assert Intake.objects.get().subscription_id == bob.pk

    @pytest.mark.parametrize("name", ["add_to_segment", "remove_from_segment"])
    def test_holds_where_the_segment_is_gone(self, world: World, vips: Segment, name: str) -> None:
        world.live(act(f"{name}: Vips"))
        grace = world.person()
        vips.delete()

        run(world, grace)

        assert world.place(grace).held_reason == "the segment is gone"

    def test_holds_where_the_segment_follows_a_rule(self, world: World, vips: Segment) -> None:
        world.live(act("add_to_segment: Vips"))
        grace = world.person()
        Segment.objects.filter(pk=vips.pk).update(kind="rule")

        run(world, grace)

        assert world.place(grace).held_reason == "the segment follows a rule"
