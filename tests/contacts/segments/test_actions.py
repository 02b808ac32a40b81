"""Segments: saved rules and sets kept by hand."""

import pytest

from accounts.actions import InvalidValueError
from accounts.models import AuditEntry
from contacts import filters
from contacts.actions.facts import SEGMENT_ENTERED, SEGMENT_LEFT
from contacts.actions.segments import (
    InvalidRuleError,
    SegmentInUseError,
    add_addresses,
    add_members,
    count_members,
    create_segment,
    delete_segment,
    remove_addresses,
    remove_members,
    update_segment,
)
from contacts.filters import naming, saved
from contacts.models import Intake, Listener, Segment, SegmentMember
from tests.engine.world import World
from tests.factories import ListFactory, SubscriptionFactory

POINTS = {"field": "Profile.Points", "at_least": 10}


@pytest.fixture
def world(inside_acme, now):
    return World(now)


@pytest.fixture
def make(world):
    """Create a segment of the world's list."""

    def make_one(name="VIPs", rule=POINTS, **given):
        return create_segment(list=world.in_list, name=name, rule=rule, now=world.now, **given)

    return make_one


@pytest.fixture
def by_hand(make):
    return make("Picked", None, kind="manual")


class TestSavedRule:
    def test_is_kept_as_written_and_with_ids(self, world, make, mia):
        made = make(by=mia)

        kept = Segment.objects.get()
        assert kept == made
        assert kept.rule == POINTS
        assert kept.resolved is not None
        assert kept.resolved["field_id"] == world.fields["Points"].pk
        entry = AuditEntry.objects.get(noun="segment")
        assert (entry.verb, entry.object_id, entry.by_user) == ("created", made.pk, mia)

    @pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\0b"])
    def test_needs_a_name(self, make, name):
        with pytest.raises(InvalidValueError) as refused:
            make(name)

        assert refused.value.field == "name"

    def test_has_a_name_of_its_own(self, make):
        make("VIPs")

        with pytest.raises(InvalidValueError, match="named vips already") as refused:
            make("vips")

        assert refused.value.field == "name"

    @pytest.mark.parametrize(
        ("rule", "field"),
        [
            ({}, "rule"),
            ({"field": "Profile.Nothing", "is": "x"}, "rule.field"),
            ({"all": [{"segment": "Nobody"}]}, "rule.all[0].segment"),
            ({"entry": {"method": "api"}}, "rule.entry"),
            ({"any": [{"purchase": {"since": "entry"}}]}, "rule.any[0].purchase"),
            ({"event": {"name": "Order Imported", "since": "start"}}, "rule.event"),
            ({"message": {"did": "opened", "step": "hello"}}, "rule.message"),
        ],
    )
    def test_names_the_fault(self, make, rule, field):
        with pytest.raises(InvalidRuleError) as refused:
            make(rule=rule)

        assert refused.value.field == field
        assert not Segment.objects.exists()

    def test_is_counted(self, world, make):
        world.person(profile={"Points": 10})
        world.person(profile={"Points": 9})
        world.person(profile={"Points": 11}, state="Unsubscribed")

        made = make()

        assert count_members(segment=made, now=world.now) == 2
        assert Segment.objects.get().member_count == 2

    def test_outlives_the_renaming_of_what_it_names(self, world, make):
        made = make()
        world.person(profile={"Points": 10})
        world.fields["Points"].name = "Score"
        world.fields["Points"].save()

        assert count_members(segment=made, now=world.now) == 1

    def test_is_asked_at_its_newest(self, world, make):
        world.person(profile={"Points": 7})
        made = make()
        assert count_members(segment=made, now=world.now) == 0

        update_segment(segment=made, rule={**POINTS, "at_least": 5}, now=world.now)

        assert count_members(segment=made, now=world.now) == 1
        assert made.revision == 2

    def test_keeps_its_revision_when_only_renamed(self, world, make):
        made = make()

        update_segment(segment=made, name="Best", rule=POINTS, now=world.now)

        made.refresh_from_db()
        assert (made.name, made.revision) == ("Best", 1)


class TestNesting:
    def test_asks_the_other_segment(self, world, make):
        make()
        make("Rich", {"all": [{"segment": "VIPs"}, {"field": "Profile.Vip", "checked": True}]})
        others = make("Others", {"not": {"segment": "Rich"}})
        world.person(profile={"Points": 10, "Vip": "on"})
        world.person(profile={"Points": 10})

        assert count_members(segment=others, now=world.now) == 1

    def test_refuses_itself(self, world, make):
        made = make()

        with pytest.raises(InvalidRuleError, match="ask for itself"):
            update_segment(segment=made, rule={"segment": "VIPs"}, now=world.now)

    def test_refuses_itself_through_others(self, world, make):
        first = make()
        make("Second", {"segment": "VIPs"})
        make("Third", {"any": [{"not": {"segment": "Second"}}]})

        with pytest.raises(InvalidRuleError, match="ask for itself"):
            update_segment(segment=first, rule={"segment": "Third"}, now=world.now)

        first.refresh_from_db()
        assert first.rule == POINTS

    def test_is_bounded_in_size(self, make):
        make("S0", {"all": [POINTS] * 2})
        for number in range(1, 9):
            make(f"S{number}", {"all": [{"segment": f"S{number - 1}"}] * 2})

        with pytest.raises(InvalidRuleError, match="more than 1000 leaves"):
            make("S9", {"all": [{"segment": "S8"}] * 2})

    def test_is_bounded_in_depth(self, world, make):
        first = make("S0")
        for number in range(1, 10):
            make(f"S{number}", {"segment": f"S{number - 1}"})
        with pytest.raises(InvalidRuleError, match="10 segments deep"):
            make("S10", {"segment": "S9"})
        make("Other")

        with pytest.raises(InvalidRuleError, match="10 segments deep"):
            update_segment(segment=first, rule={"segment": "Other"}, now=world.now)

    def test_without_end_is_an_error_not_a_hang(self, world, make):
        made = make()
        Segment.objects.update(resolved={"leaf": "segment", "segment_id": made.pk})

        with pytest.raises(filters.VanishedError, match="itself"):
            count_members(segment=made, now=world.now)
        assert list(saved.reach({"leaf": "segment", "segment_id": made.pk})) == []

    def test_reads_dates_in_the_zone_of_the_account(self, world, make, acme):
        # 2026-11-18 at 23:00 in New York is the 19th in UTC.
        late = world.now.replace(day=19, hour=4)
        today = make("Today", {"field": "Profile.Birthday", "in_next": "P1D"})
        world.person(profile={"Birthday": "2026-11-18"})

        in_zone = filters.members(
            list=world.in_list,
            rule={"leaf": "segment", "segment_id": today.pk},
            time_zone="UTC",
            now=late,
        )

        assert len(in_zone) == 1


class TestKeptByHand:
    def test_takes_members_once(self, world, by_hand):
        people = [world.person() for _ in range(3)]
        ids = [person.pk for person in people]

        first = add_members(segment=by_hand, subscription_ids=ids[:2], now=world.now)
        again = add_members(segment=by_hand, subscription_ids=ids, now=world.now)

        assert (first, again) == (2, 1)
        assert set(SegmentMember.objects.values_list("subscription_id", flat=True)) == {*ids}
        assert count_members(segment=by_hand, now=world.now) == 3

    def test_gives_members_back(self, world, by_hand):
        people = [world.person() for _ in range(2)]
        ids = [person.pk for person in people]
        add_members(segment=by_hand, subscription_ids=ids, now=world.now)

        gone = remove_members(segment=by_hand, subscription_ids=[ids[0], 0], now=world.now)

        assert gone == 1
        assert SegmentMember.objects.get().subscription_id == ids[1]

    def test_takes_nobody_of_another_list(self, world, by_hand):
        stranger = SubscriptionFactory(list=ListFactory(name="Other"))

        assert add_members(segment=by_hand, subscription_ids=[stranger.pk], now=world.now) == 0

    def test_takes_addresses(self, world, by_hand):
        world.person(email="grace@mail.example")
        world.person(email="ada@mail.example")

        done = add_addresses(
            segment=by_hand,
            addresses=[" Grace@MAIL.example", "", "nobody@mail.example", "no address"],
            now=world.now,
        )
        undone = remove_addresses(
            segment=by_hand,
            addresses=["grace@mail.example", "ada@mail.example"],
            now=world.now,
        )

        assert (done.moved, done.unmoved) == (1, 0)
        assert done.unknown == ("nobody@mail.example", "no address")
        assert (undone.moved, undone.unmoved) == (1, 1)

    def test_tells_who_listens(self, world, by_hand):
        person = world.person()
        for kind in (SEGMENT_ENTERED, SEGMENT_LEFT):
            Listener.objects.create(
                conversation_id=1, list=world.in_list, kind=kind, segment=by_hand
            )

        add_members(segment=by_hand, subscription_ids=[person.pk], now=world.now)
        add_members(segment=by_hand, subscription_ids=[person.pk], now=world.now)
        remove_members(segment=by_hand, subscription_ids=[person.pk], now=world.now)

        queued = Intake.objects.order_by("id").values_list(
            "kind", "segment_id", "subscription_id", "recorded_at"
        )
        assert list(queued) == [
            (kind, by_hand.pk, person.pk, world.now) for kind in (SEGMENT_ENTERED, SEGMENT_LEFT)
        ]

    def test_has_no_rule(self, make, by_hand, world):
        with pytest.raises(InvalidValueError) as refused:
            update_segment(segment=by_hand, rule=POINTS, now=world.now)
        assert refused.value.field == "rule"

    def test_is_the_only_kind_that_takes_members(self, world, make):
        made = make()

        with pytest.raises(InvalidValueError, match="decided by its rule") as refused:
            add_members(segment=made, subscription_ids=[1], now=world.now)
        assert refused.value.field == "segment"


class TestDeletion:
    def test_takes_the_members_along(self, world, by_hand, mia):
        add_members(segment=by_hand, subscription_ids=[world.person().pk], now=world.now)

        delete_segment(segment=by_hand, now=world.now, by=mia)

        assert not Segment.objects.exists()
        assert not SegmentMember.objects.exists()

    def test_is_refused_while_another_asks(self, world, make):
        made = make()
        make("Others", {"not": {"segment": "VIPs"}})

        with pytest.raises(SegmentInUseError, match="the segment “Others”"):
            delete_segment(segment=made, now=world.now)

    def test_is_refused_while_a_conversation_asks(self, world, make):
        made = make()
        world.live("{key: who, filter: {any: [{segment: VIPs}]}}")

        with pytest.raises(SegmentInUseError, match="the conversation “C1”"):
            delete_segment(segment=made, now=world.now)

        assert naming.users_of_segment(made.pk) == ["C1"]

    def test_leaves_who_asks_for_it_with_a_reason(self, world, make):
        gone = make()
        resolved = {"not": {"leaf": "segment", "segment_id": gone.pk}}
        delete_segment(segment=gone, now=world.now)

        with pytest.raises(filters.VanishedError) as vanished:
            filters.condition(resolved, zone="'UTC'")

        assert vanished.value.reason == "the segment is gone"


class TestConversation:
    def test_filters_by_a_segment(self, world, make):
        make()
        inside, outside = world.person(profile={"Points": 12}), world.person()
        world.live("{key: who, filter: {segment: VIPs}}")
        world.happen(inside, outside)

        world.tick()

        assert world.path(inside) == ["start>next", "who>next", "end>end", "(terminated)"]
        assert world.path(outside) == ["start>next", "who>otherwise", "(otherwise)"]

    def test_filters_by_a_segment_kept_by_hand(self, world, by_hand):
        inside, outside = world.person(), world.person()
        add_members(segment=by_hand, subscription_ids=[inside.pk], now=world.now)
        world.live("{key: who, filter: {not: {segment: Picked}}}")
        world.happen(inside, outside)

        world.tick()

        assert world.path(inside)[-1] == "(otherwise)"
        assert world.path(outside)[-1] == "(terminated)"

    def test_hears_everything_since_the_rule_may_change(self, world, make, by_hand):
        make()
        names = naming.names_of(world.in_list)

        def heard(written):
            return filters.hears(filters.resolve(filters.parse(written), names))

        assert heard({"segment": "VIPs"}) == {("any", None, None)}
        assert heard({"not": {"segment": "Picked"}}) == {
            ("segment_entered", None, by_hand.pk),
            ("segment_left", None, by_hand.pk),
        }
