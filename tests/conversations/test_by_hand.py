"""What a marketer does to contacts by hand."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from accounts.models import AuditEntry
from accounts.tenancy import in_account, lookups
from conductor.conversations.actions import errands
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    skip_wait,
)
from conductor.conversations.actions.held import end_held
from conductor.conversations.models import Conversation, Enrollment, Visit
from conductor.conversations.tasks import run_errands
from contacts.actions.segments import add_members, create_segment
from contacts.models import Contact, Intake, Segment
from tests.api.conftest import connect
from tests.engine.world import World

pytestmark = pytest.mark.django_db

PAUSE = "{key: pause, wait: {for: P3D}}"
MAIL = "{key: mail, message: {saved_message: We miss you}}"
LATER = timedelta(hours=1)


def live(world, steps):
    conversation = world.live(steps)
    conversation.refresh_from_db()
    return conversation


def contact_of(subscription):
    return Contact.objects.get(pk=subscription.contact_id)


@pytest.fixture
def world(inside_acme, now):
    return World(now)


@pytest.fixture
def waiting(world):
    """A conversation, and Grace who waits in it before an email."""
    conversation = live(world, f"{PAUSE}\n{MAIL}")
    grace = world.person(email="grace@mail.example")
    world.happen(grace)
    world.tick()
    return conversation, grace


class TestEnterByHand:
    def test_lets_somebody_in_whatever_the_trigger_asks(self, world, now):
        conversation = live(world, PAUSE)
        grace = world.person()

        count = enter_by_hand(
            conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now
        )
        world.tick()

        assert count == 1
        place = world.place(grace)
        assert (place.entry_kind, place.step_key) == ("by_hand", "pause")

    def test_asks_re_entry(self, world, now, waiting):
        conversation, grace = waiting

        enter_by_hand(conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now)
        world.tick()

        assert world.refusals() == ["already in"]

    def test_lets_a_segment_in(self, world, now):
        conversation = live(world, PAUSE)
        inside, _outside = world.person(), world.person()
        segment = create_segment(list=world.in_list, name="Friends", kind="manual", now=now)
        add_members(segment=segment, subscription_ids=[inside.pk], now=now)

        count = enter_by_hand(conversation=conversation, chosen=Chosen(segment=segment), now=now)

        assert count == 1

    def test_says_that_a_segments_rule_names_what_is_gone(self, world, now):
        conversation = live(world, PAUSE)
        inner = create_segment(list=world.in_list, name="Inner", kind="manual", now=now)
        outer = create_segment(list=world.in_list, name="Outer", rule={"segment": "Inner"}, now=now)
        Segment.objects.filter(pk=inner.pk).delete()

        with pytest.raises(InvalidValueError) as refused:
            enter_by_hand(conversation=conversation, chosen=Chosen(segment=outer), now=now)

        assert refused.value.field == "segment"
        assert "the segment is gone" in refused.value.message

    def test_knows_the_threads_that_run(self, world, now):
        conversation = live(world, PAUSE)

        with pytest.raises(InvalidValueError) as refused:
            enter_by_hand(conversation=conversation, chosen=Chosen(), thread="Other", now=now)

        assert refused.value.field == "thread"

    def test_is_written_down(self, world, now, mia):
        conversation = live(world, PAUSE)
        grace = world.person()

        enter_by_hand(
            conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now, by=mia
        )

        entry = AuditEntry.objects.get(verb="entered by hand")
        assert (entry.by_user, entry.detail["count"]) == (mia, 1)


class TestSkipWait:
    def test_lets_the_contact_go_on_at_once(self, world, now, waiting):
        conversation, grace = waiting

        count = skip_wait(
            conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now + LATER
        )
        world.tick(now + LATER)

        assert count == 1
        assert world.path(grace)[-2:] == ["end>end", "(terminated)"]
        assert "mail>next" in world.path(grace)
        visit = Visit.objects.get(step_key="pause")
        assert (visit.left_at, visit.reason) == (now + LATER, "by hand")
        assert not Visit.objects.exclude(step_key="pause").exclude(reason=None).exists()

    def test_leaves_those_alone_who_have_moved_on(self, world, now, waiting):
        conversation, _ = waiting

        assert skip_wait(conversation=conversation, chosen=Chosen(step_key="mail"), now=now) == 0


class TestMoveOn:
    def test_takes_the_exit_that_is_named(self, world, now):
        wait = "{key: pause, wait: {until: '2030-01-01T00:00:00'}, exits: {past: end}}"
        conversation = live(world, f"{wait}\n{MAIL}")
        grace = world.person()
        world.happen(grace)
        world.tick()

        move_on(conversation=conversation, chosen=Chosen(), exit="past", now=now)
        world.tick()

        assert "pause>past" in world.path(grace)
        assert world.deliveries() == []

    def test_refuses_an_exit_that_no_step_has(self, world, now, waiting):
        conversation, _ = waiting

        with pytest.raises(InvalidValueError):
            move_on(conversation=conversation, chosen=Chosen(), exit="sideways", now=now)


class TestEndByHand:
    def test_ends_where_they_are(self, world, now, waiting):
        conversation, grace = waiting

        end_by_hand(conversation=conversation, chosen=Chosen(contact=contact_of(grace)), now=now)
        world.tick()

        place = world.place(grace)
        assert (place.end_reason, place.step_key) == ("by hand", "pause")
        visit = Visit.objects.get(step_key="pause")
        assert (visit.exit, visit.reason) == ("end", "by hand")

    def test_done_twice_changes_nothing(self, world, now, waiting):
        conversation, _ = waiting

        counts = [end_by_hand(conversation=conversation, chosen=Chosen(), now=now) for _ in "12"]

        assert counts == [1, 0]


class TestErrands:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(errands, "BATCH", 3)

    @pytest.fixture
    def friends(self, world, now):
        """Seven on the list, of whom every other one is in the segment."""
        people = [world.person(profile={"Points": number % 2}) for number in range(7)]
        segment = create_segment(
            list=world.in_list, name="Odd", rule={"field": "Profile.Points", "is": 1}, now=now
        )
        return people, segment

    def work_off(self, now):
        rounds = 1
        while errands.go_on(now=now):
            rounds += 1
        return rounds

    def test_let_a_segment_in_batch_by_batch(self, world, now, friends, mia):
        conversation, (people, segment) = live(world, PAUSE), friends

        first = enter_by_hand(
            conversation=conversation, chosen=Chosen(segment=segment), now=now, by=mia
        )
        rounds = self.work_off(now)
        world.tick()

        assert (first, rounds, errands.is_under_way(conversation)) == (1, 2, False)
        inside = Enrollment.objects.values_list("subscription_id", flat=True)
        assert {*inside} == {person.pk for person in people[1::2]}
        entries = AuditEntry.objects.filter(verb="entered by hand").order_by("pk")
        assert [(entry.by_user, entry.detail["count"]) for entry in entries] == [(mia, 1), (mia, 3)]

    def test_move_those_at_a_step_and_nobody_who_comes_later(self, world, now, friends):
        conversation, (people, _) = live(world, f"{PAUSE}\n{MAIL}"), friends
        world.happen(*people[:6])
        world.tick()

        first = skip_wait(conversation=conversation, chosen=Chosen(step_key="pause"), now=now)
        world.happen(people[6])
        world.tick(now + LATER)
        self.work_off(now + LATER)
        world.tick(now + LATER)

        assert first == 3
        ended = Enrollment.objects.exclude(ended_at=None)
        assert {row.subscription_id for row in ended} == {person.pk for person in people[:6]}
        assert Visit.objects.filter(reason="by hand").count() == 6

    def test_end_the_held_and_say_who_asked(self, world, now, friends, mia):
        conversation, (people, _) = live(world, PAUSE), friends
        world.happen(*people)
        world.tick()
        held = [person.pk for person in people[:5]]
        Enrollment.objects.filter(subscription_id__in=held).update(held_reason="loop", due_at=None)

        first = end_held(conversation=conversation, now=now, by=mia)
        self.work_off(now)
        world.tick()

        assert first == 3
        ended = Enrollment.objects.filter(end_reason="by hand")
        assert {row.subscription_id for row in ended} == {*held}
        entry = AuditEntry.objects.filter(verb="ended by hand").latest("pk")
        assert (entry.by_user, entry.object_id, entry.detail["count"]) == (
            mia,
            conversation.pk,
            5,
        )

    def test_are_over_when_their_segment_is_gone(self, world, now, friends):
        conversation, (_, segment) = live(world, PAUSE), friends
        enter_by_hand(conversation=conversation, chosen=Chosen(segment=segment), now=now)
        Segment.objects.filter(pk=segment.pk).delete()

        assert errands.go_on(now=now) is False
        assert not errands.is_under_way(conversation)


@pytest.mark.django_db(transaction=True)
class TestRunErrands:
    def test_finds_what_is_left_of_every_account(self, acme, now, monkeypatch):
        monkeypatch.setattr(errands, "BATCH", 2)
        with in_account(acme.pk):
            world = World(now)
            conversation = live(world, PAUSE)
            for _ in range(5):
                world.person()
            enter_by_hand(conversation=conversation, chosen=Chosen(), now=now)
        waited = lookups.waiting_work(now=now)["by_hand"]

        run_errands()

        with in_account(acme.pk):
            assert Intake.objects.count() == 5
        assert (waited, lookups.waiting_work(now=now)["by_hand"]) == (True, False)


@pytest.fixture
def published(acme, now):
    """A conversation in which Grace waits, and the world it is in."""
    with in_account(acme.pk):
        world = World(now)
        conversation = live(world, PAUSE)
        world.happen(world.person(email="grace@mail.example"))
        world.person(email="ada@mail.example")
        world.tick()
    return conversation


class TestByHandRoutes:
    @pytest.fixture
    def wire(self, acme, now):
        return connect(acme, now, types=["email"])

    def test_lets_in_moves_and_ends(self, wire, published, acme):
        one = f"/conductor/v1/Conversation/{published.pk}/Enrollment"
        answers = [
            wire.call("POST", f"{one}/Enter", {"emailAddress": "ada@mail.example"}),
            wire.call("POST", f"{one}/Move", {"stepKey": "pause", "skipWait": True}),
            wire.call("POST", f"{one}/End", {"emailAddress": "grace@mail.example"}),
        ]

        assert [answer.json()["data"]["count"] for answer in answers] == [1, 1, 0]
        assert [answer.json()["data"]["goesOn"] for answer in answers] == [False] * 3
        with in_account(acme.pk):
            assert Enrollment.objects.get().told == "next"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("Enter", {}),
            ("Enter", {"emailAddress": "a@b.example", "segment": "X"}),
            ("Enter", {"segment": "Nobody"}),
            ("Move", {"stepKey": "pause", "exit": "sideways"}),
            ("End", {}),
        ],
    )
    def test_refuses_what_names_nobody(self, wire, published, path, body):
        answer = wire.call(
            "POST", f"/conductor/v1/Conversation/{published.pk}/Enrollment/{path}", body
        )

        assert answer.status_code == 400

    def test_knows_no_test_run(self, wire, published, acme, now):
        with in_account(acme.pk):
            run = Conversation.objects.create(
                list=published.list,
                name=published.name,
                draft=published.draft,
                rehearsal_of=published,
                created_at=now,
                modified_at=now,
            )
        one = f"/conductor/v1/Conversation/{run.pk}"

        moved = wire.call("POST", f"{one}/Enrollment/End", {"stepKey": "pause"})
        told = wire.call("GET", f"{one}/Explanation?emailAddress=grace@mail.example")
        published_again = wire.call("POST", f"{one}/Publication")
        read = wire.call("GET", one)

        answers = (moved, told, published_again, read)
        assert [answer.status_code for answer in answers] == [404] * 4

    def test_asks_for_the_level_of_contacts(self, acme, now, published):
        narrow = connect(acme, now, types=["email"], levels=["List", "Message"])
        one = f"/conductor/v1/Conversation/{published.pk}"

        answers = [
            narrow.call("POST", f"{one}/Enrollment/Enter", {"emailAddress": "grace@mail.example"}),
            narrow.call("POST", f"{one}/Enrollment/Move", {"stepKey": "pause"}),
            narrow.call("POST", f"{one}/Enrollment/End", {"stepKey": "pause"}),
            narrow.call("GET", f"{one}/Explanation?emailAddress=grace@mail.example"),
        ]

        assert {answer.status_code for answer in answers} == {401}

    def test_knows_no_other_accounts_conversation(self, globex, now, published):
        wire = connect(globex, now, types=["email"])
        path = f"/conductor/v1/Conversation/{published.pk}/Enrollment/End"

        assert wire.call("POST", path, {"stepKey": "pause"}).status_code == 404
