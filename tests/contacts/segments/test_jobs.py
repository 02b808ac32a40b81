"""Long lists: looked at batch by batch, while those who are inside move as ever."""

from datetime import timedelta

import pytest

from contacts import segments
from contacts.actions import set_profile
from contacts.actions.segments import add_members, create_segment, update_segment
from contacts.models import Intake, Listener, Segment, SegmentMember, SegmentTouch
from contacts.segments import jobs
from tests.engine.world import World

POINTS = {"field": "Profile.Points", "at_least": 10}
START = "{key: start, trigger: {segment: {name: VIPs, on: entered%s}}}"
BATCH = 2


@pytest.fixture
def world(inside_acme, now, monkeypatch):
    monkeypatch.setattr(jobs, "FEW", 0)
    return World(now)


@pytest.fixture
def people(world):
    """Five people, the first three of whom have enough points."""
    return [world.person(profile={"Points": value}) for value in (12, 11, 10, 9, 8)]


@pytest.fixture
def track(world):
    """Create a segment that a conversation starts from."""

    def track_one():
        made = create_segment(list=world.in_list, name="VIPs", rule=POINTS, now=world.now)
        for kind in ("segment_entered", "segment_left"):
            Listener.objects.create(conversation_id=1, list=world.in_list, kind=kind, segment=made)
        segments.follow(list=world.in_list, now=world.now)
        return made

    return track_one


@pytest.fixture
def keep(world):
    """Do one batch a minute later; return (kind, subscription) of the facts since the last."""

    def keep_once(limit=BATCH):
        world.now += timedelta(minutes=1)
        segments.keep(now=world.now, limit=limit)
        queued = Intake.objects.filter(kind__startswith="segment_").order_by("id")
        found = [(row.kind.removeprefix("segment_"), row.subscription_id) for row in queued]
        queued.delete()
        return found

    return keep_once


def give(world, person, value):
    set_profile(subscription=person, profile={world.fields["Points"].pk: value}, now=world.now)


def members():
    return set(
        SegmentMember.objects.filter(is_member=True).values_list("subscription_id", flat=True)
    )


class TestFirstLook:
    def test_goes_on_batch_by_batch_and_lets_nobody_in(self, world, people, track, keep):
        began = world.now
        made = track()
        assert (members(), Segment.objects.get().tracked_at) == (set(), began)
        assert jobs.progress([made.pk], conversation_id=1) == [(0, 5)]

        assert keep() == []
        assert members() == {people[0].pk, people[1].pk}
        assert jobs.progress([made.pk], conversation_id=1) == [(2, 5)]
        assert keep() + keep() == []

        assert members() == {person.pk for person in people[:3]}
        assert set(SegmentMember.objects.values_list("since", flat=True)) == {began}
        assert not SegmentTouch.objects.exists()
        assert jobs.progress([made.pk], conversation_id=1) == []

    def test_takes_facts_of_those_who_were_looked_at(self, world, people, track, keep):
        track()
        keep()

        give(world, people[0], 1)
        give(world, people[2], 1)
        give(world, people[4], 99)

        assert keep() == [("left", people[0].pk)]
        assert keep() == []
        assert members() == {people[1].pk, people[4].pk}
        give(world, people[3], 50)
        assert keep() == [("entered", people[3].pk)]

    def test_leaves_who_comes_onto_the_list_meanwhile_to_the_facts(
        self, world, people, track, keep
    ):
        track()
        keep()

        new = world.person(profile={"Points": 3})
        world.tell("added", new)
        give(world, new, 30)

        assert ("entered", new.pk) in [*keep(), *keep(), *keep()]

    def test_is_taken_up_where_it_was_left(self, world, people, track, keep):
        track()
        keep()
        first = SegmentMember.objects.values_list("pk", flat=True)
        written = set(first)

        keep()

        assert written < set(SegmentMember.objects.values_list("pk", flat=True))

    def test_waits_for_a_rule_that_cannot_be_asked(self, world, people, track, keep):
        track()
        world.fields["Points"].delete()

        assert keep() == []

        touch = SegmentTouch.objects.get()
        assert touch.job is not None
        assert touch.job["after"] == 0
        assert touch.recorded_at > world.now


class TestChangedRule:
    def test_is_asked_of_everybody_batch_by_batch(self, world, people, track, keep):
        made = track()
        keep(), keep(), keep()

        update_segment(segment=made, rule={**POINTS, "at_least": 11}, now=world.now)
        update_segment(segment=made, rule={**POINTS, "at_least": 9}, now=world.now)

        assert SegmentTouch.objects.count() == 1
        assert [keep(), keep(), keep()] == [[], [("entered", people[3].pk)], []]


class TestThoseInside:
    def test_are_let_in_once_they_were_looked_at(self, world, people):
        create_segment(list=world.in_list, name="VIPs", rule=POINTS, now=world.now)
        world.live("{key: pause, wait: {for: P9D}}", start=START % ", include_existing: true")

        for _ in range(8):
            world.tick(world.now + timedelta(minutes=1), limit=BATCH)

        inside = {world.place(person).entered_at is not None for person in people[:3]}
        assert inside == {True}
        assert not SegmentTouch.objects.exists()
        assert [world.path(person) for person in people[:3]] == [["start>next", "pause"]] * 3

    def test_of_one_kept_by_hand_are_let_in_too(self, world, people):
        made = create_segment(list=world.in_list, name="VIPs", kind="manual", now=world.now)
        add_members(segment=made, subscription_ids=[person.pk for person in people], now=world.now)
        world.live("{key: pause, wait: {for: P9D}}", start=START % ", include_existing: true")
        late = world.person()
        world.now += timedelta(minutes=1)
        add_members(segment=made, subscription_ids=[late.pk], now=world.now)

        for _ in range(8):
            world.tick(world.now + timedelta(minutes=1), limit=BATCH)

        assert [len(world.path(person)) for person in [*people, late]] == [2] * 6
