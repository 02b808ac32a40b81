"""Tracked segments: who enters and leaves, by facts and by the clock."""

from datetime import timedelta

import pytest

from conductor.conversations.models import Enrollment
from contacts import segments
from contacts.actions import (
    Customer,
    NewOrder,
    raise_event,
    save_orders,
    set_profile,
    subscribe,
)
from contacts.actions.segments import add_members, create_segment, delete_segment, update_segment
from contacts.actions.subscriptions import change_address
from contacts.filters import scope
from contacts.leaves.field import LEAF as FIELD
from contacts.models import Intake, Listener, Segment, SegmentMember, SegmentTouch, Subscription
from messaging.actions import record_receipts
from tests.engine.world import World
from tests.factories import DeliveryFactory, OrderFactory

POINTS = {"field": "Profile.Points", "at_least": 10}
DAY = timedelta(days=1)
START = "{key: start, trigger: {segment: {name: VIPs, on: %s%s}}}"


@pytest.fixture
def world(inside_acme, now):
    return World(now)


@pytest.fixture
def track(world):
    """Create a segment that a conversation starts from, whether one enters it or leaves it."""

    def track_one(rule=POINTS, name="VIPs", conversation_id=1):
        made = create_segment(list=world.in_list, name=name, rule=rule, now=world.now)
        for kind in ("segment_entered", "segment_left"):
            Listener.objects.create(
                conversation_id=conversation_id, list=world.in_list, kind=kind, segment=made
            )
        segments.follow(list=world.in_list, now=world.now)
        made.refresh_from_db()
        return made

    return track_one


@pytest.fixture
def keep(world):
    """Keep the segments at a time; return (kind, subscription) of the facts since the last."""

    def keep_at(at=None, limit=1000):
        world.now = at or world.now
        segments.keep(now=world.now, limit=limit)
        queued = Intake.objects.filter(kind__startswith="segment_").order_by("id")
        found = [(row.kind.removeprefix("segment_"), row.subscription_id) for row in queued]
        assert {row.recorded_at for row in queued} <= {world.now}
        queued.delete()
        return found

    return keep_at


def points(world, person, value):
    set_profile(subscription=person, profile={world.fields["Points"].pk: value}, now=world.now)


def order(world, person, at, number="1"):
    save_orders(
        orders=[NewOrder(number, Customer(email=person.contact.email), at)],
        now=world.now,
        source="api",
        start_conversations=False,
    )


class TestTracking:
    def test_begins_with_those_inside_and_tells_nobody(self, world, track, keep):
        inside = world.person(profile={"Points": 12})
        world.person(profile={"Points": 9})

        made = track()

        member = SegmentMember.objects.get()
        assert (member.subscription_id, member.is_member, member.since) == (
            inside.pk,
            True,
            world.now,
        )
        assert made.tracked_at == world.now
        assert keep() == []

    def test_ends_with_the_last_conversation(self, world, track):
        world.person(profile={"Points": 12})
        made = track()

        segments.follow(list=world.in_list, now=world.now)
        assert SegmentMember.objects.count() == 1
        Listener.objects.filter(conversation_id=1).delete()
        segments.follow(list=world.in_list, now=world.now)

        made.refresh_from_db()
        assert made.tracked_at is None
        assert not SegmentMember.objects.exists()
        assert not Listener.objects.exists()
        assert not SegmentTouch.objects.exists()

    def test_leaves_alone_what_is_kept_by_hand(self, world):
        made = create_segment(list=world.in_list, name="Picked", kind="manual", now=world.now)
        add_members(segment=made, subscription_ids=[world.person().pk], now=world.now)
        Listener.objects.create(
            conversation_id=1, list=world.in_list, kind="segment_entered", segment=made
        )

        segments.follow(list=world.in_list, now=world.now)

        assert Segment.objects.get().tracked_at is None
        assert SegmentMember.objects.count() == 1

    def test_is_begun_and_ended_by_publishing(self, world):
        create_segment(list=world.in_list, name="VIPs", rule=POINTS, now=world.now)
        world.live("")

        conversation = world.live("", start=START % ("left", ""))
        assert Segment.objects.get().tracked_at == world.now

        Listener.objects.filter(conversation_id=conversation.pk).delete()
        segments.follow(list=world.in_list, now=world.now)
        assert Segment.objects.get().tracked_at is None


class TestFacts:
    def test_of_a_field_let_in_and_out(self, world, track, keep):
        person, other = world.person(profile={"Points": 1}), world.person()
        track()
        keep()

        points(world, person, 10)
        assert SegmentTouch.objects.count() == 1
        assert keep() == [("entered", person.pk)]

        points(world, person, 11)
        points(world, other, 2)
        assert keep() == []

        points(world, person, 3)
        assert keep() == [("left", person.pk)]
        assert not SegmentMember.objects.exists()
        assert not SegmentTouch.objects.exists()

    def test_there_and_back_between_two_looks_are_nothing(self, world, track, keep):
        person = world.person(profile={"Points": 1})
        track()
        keep()

        points(world, person, 10)
        points(world, person, 1)

        assert keep() == []

    def test_of_events_orders_and_new_contacts(self, world, track, keep):
        person = world.person(email="grace@mail.example")
        track({"event": {"name": "Order Imported"}})
        track({"purchase": {}}, "Buyers")
        track({"not": {"purchase": {}}}, "Lookers")
        keep()

        raise_event(external_event=world.event, contact=person.contact, now=world.now, source="api")
        assert keep() == [("entered", person.pk)]

        order(world, person, world.now)
        assert sorted(keep()) == [("entered", person.pk), ("left", person.pk)]

        made = subscribe(
            list=world.in_list, email="new@mail.example", now=world.now, method="Popup"
        )
        assert keep() == [("entered", made.subscription.pk)]

    def test_of_a_new_address_let_it_in(self, world, track, keep):
        world.person(email="old@mail.example", profile={"Points": 12})
        track()
        keep()

        change_address(
            list=world.in_list,
            email="old@mail.example",
            new_email="new@mail.example",
            now=world.now,
            method="api",
        )

        new = Subscription.objects.get(contact__email="new@mail.example")
        assert keep() == [("entered", new.pk)]

    def test_of_a_nested_segment_count(self, world, track, keep):
        create_segment(list=world.in_list, name="Rich", rule=POINTS, now=world.now)
        picked = create_segment(list=world.in_list, name="Picked", kind="manual", now=world.now)
        person = world.person()
        track({"all": [{"segment": "Rich"}, {"segment": "Picked"}]})
        keep()

        points(world, person, 12)
        assert keep() == []
        add_members(segment=picked, subscription_ids=[person.pk], now=world.now)
        assert keep() == [("entered", person.pk)]

    def test_keep_their_depth(self, world, track):
        person, other = world.person(), world.person()
        track()
        segments.keep(now=world.now, limit=10)
        for one, depth in ((person, 4), (other, 0)):
            set_profile(
                subscription=one,
                profile={world.fields["Points"].pk: 12},
                now=world.now,
                depth=depth,
            )

        segments.keep(now=world.now, limit=10)

        depths = dict(Intake.objects.values_list("subscription_id", "depth"))
        assert depths == {person.pk: 4, other.pk: 0}

    def test_to_come_count_when_they_have_come(self, world, track, keep):
        person = world.person(email="grace@mail.example")
        track({"purchase": {}})
        keep()

        order(world, person, world.now + timedelta(hours=5))
        assert keep() == []
        assert keep(world.now + timedelta(hours=5)) == [("entered", person.pk)]

    def test_are_taken_up_to_the_limit(self, world, track, keep):
        people = [world.person() for _ in range(3)]
        track()
        keep()
        for person in people:
            points(world, person, 12)

        assert len(keep(limit=2)) == 2
        assert len(keep(limit=2)) == 1


class TestClock:
    def test_lets_out_whose_order_grows_old(self, world, track, keep):
        person = world.person()
        OrderFactory(contact=person.contact, ordered_at=world.now - 10 * DAY)
        track({"purchase": {"within": "P60D"}})
        start = world.now
        keep()

        assert keep(start + 50 * DAY) == []
        assert keep(start + 50 * DAY + timedelta(microseconds=1)) == [("left", person.pk)]
        assert not SegmentMember.objects.exists()

    def test_lets_out_whose_opening_grows_old(self, world, track, keep):
        person = world.person()
        delivery = DeliveryFactory(
            list=world.in_list, contact=person.contact, subscription_id=person.pk
        )
        track({"message": {"did": "opened", "within": "P3D"}})
        start = world.now
        keep()

        record_receipts(delivery=delivery, kind="opened", now=start)
        assert keep() == [("entered", person.pk)]
        assert keep(start + 3 * DAY) == []
        assert keep(start + 3 * DAY + timedelta(microseconds=1)) == [("left", person.pk)]

    def test_asks_nobody_before_the_time(self, world, track):
        for days in range(20):
            OrderFactory(contact=world.person().contact, ordered_at=world.now - days * DAY)
        track({"purchase": {"within": "P60D"}})
        segments.keep(now=world.now, limit=100)

        assert segments.keep(now=world.now + 30 * DAY, limit=100) == 0
        asked = segments.keep(now=world.now + 41 * DAY + timedelta(hours=1), limit=100)
        # Who leaves, and those whose end is a week off: the clock is looked at then.
        assert 1 <= asked <= 10

    def test_lets_in_at_local_midnight(self, world, track, keep):
        person = world.person(profile={"Birthday": "2026-11-20"})
        track({"field": "Profile.Birthday", "in_next": "P1D"})
        keep()
        midnight = world.now.replace(day=19, hour=5)  # in New York

        assert keep(midnight - timedelta(seconds=1)) == []
        assert keep(midnight) == [("entered", person.pk)]
        assert keep(midnight + 2 * DAY) == [("left", person.pk)]
        assert not SegmentMember.objects.filter(recheck_at__isnull=False).exists()

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    @pytest.mark.parametrize("name", ["in_last", "in_next", "anniversary_in"])
    def test_takes_dates_far_off(self, world, track, keep, day, name):
        person = world.person(profile={"Birthday": day})
        track({"not": {"field": "Profile.Birthday", name: "P1M"}})
        keep()

        member = SegmentMember.objects.get()
        assert member.subscription_id == person.pk
        assert member.is_member
        assert (member.recheck_at is None) == (name != "anniversary_in")


class TestWhoErrs:
    def test_stays_as_it_was_and_lets_the_others_move(
        self, world, track, keep, monkeypatch
    ) -> None:
        people = [world.person(profile={"Points": 1}) for _ in range(5)]
        track()
        keep()
        key = str(world.fields["Points"].pk)
        divides = f"10 / ((subscription.profile ->> '{key}')::int - 13) > 0"
        monkeypatch.setattr(FIELD, "test", lambda *_leaf: scope.Test(divides))

        for person, value in zip(people, (13, 14, 13, 15, 12), strict=True):
            points(world, person, value)

        assert keep() == [("entered", people[1].pk), ("entered", people[3].pk)]
        assert keep() == []


class TestChangedRule:
    def test_lets_in_and_out_who_is_by_the_new_one(self, world, track, keep):
        stays, leaves, enters = (world.person(profile={"Points": value}) for value in (20, 10, -10))
        made = track()
        keep()

        update_segment(
            segment=made,
            rule={"any": [{"field": "Profile.Points", "is": 20}, {**POINTS, "at_least": -10}]},
            now=world.now,
        )
        assert keep() == [("entered", enters.pk)]
        update_segment(segment=made, rule={"field": "Profile.Points", "is": 20}, now=world.now)
        assert sorted(keep()) == sorted([("left", leaves.pk), ("left", enters.pk)])
        assert [*SegmentMember.objects.values_list("subscription_id", flat=True)] == [stays.pk]

    def test_of_a_segment_within_counts(self, world, track, keep):
        inner = create_segment(list=world.in_list, name="Rich", rule=POINTS, now=world.now)
        person = world.person(profile={"Points": 5, "Note": "x"})
        track({"segment": "Rich"})
        keep()

        update_segment(segment=inner, rule={"field": "Profile.Note", "is": "x"}, now=world.now)

        assert keep() == [("entered", person.pk)]
        assert Listener.objects.filter(kind="profile_updated").count() == 1

    def test_hears_what_the_new_one_asks(self, world, track, keep):
        made, person = track(), world.person(email="grace@mail.example")
        keep()
        update_segment(segment=made, rule={"purchase": {}}, now=world.now)
        keep()

        order(world, person, world.now)

        assert keep() == [("entered", person.pk)]

    def test_that_cannot_be_asked_keeps_its_members(self, world, track, keep):
        inner = create_segment(list=world.in_list, name="Rich", rule=POINTS, now=world.now)
        person = world.person(profile={"Points": 12})
        made = track({"segment": "Rich"})
        keep()
        update_segment(segment=made, rule=POINTS, now=world.now)
        gone = inner.pk
        delete_segment(segment=inner, now=world.now)
        Segment.objects.update(resolved={"leaf": "segment", "segment_id": gone})

        points(world, person, 1)

        assert keep() == []
        assert SegmentMember.objects.get().is_member


class TestIntake:
    def test_starts_a_conversation(self, world):
        create_segment(list=world.in_list, name="VIPs", rule=POINTS, now=world.now)
        inside, person = world.person(profile={"Points": 12}), world.person()
        world.live("", start=START % ("entered", ""))

        points(world, person, 12)
        segments.keep(now=world.now, limit=10)
        world.tick()

        assert world.path(person)[-1] == "(terminated)"
        with pytest.raises(Enrollment.DoesNotExist):
            world.place(inside)

    def test_lets_in_who_is_inside_already(self, world):
        create_segment(list=world.in_list, name="VIPs", rule=POINTS, now=world.now)
        inside, outside = world.person(profile={"Points": 12}), world.person()
        world.live("", start=START % ("entered", ", include_existing: true"))

        world.tick()

        assert world.path(inside)[-1] == "(terminated)"
        with pytest.raises(Enrollment.DoesNotExist):
            world.place(outside)
