"""Pages of segments."""

import re

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from contacts.actions.segments import add_members, create_segment
from contacts.models import Segment, SegmentMember
from tests.engine.world import World
from tests.factories import ListFactory

RULE = {"field": "Profile.Points", "at_least": 10}


class Shop(World):
    """A list with a segment by rule and one by hand."""

    by_rule: Segment
    by_hand: Segment


@pytest.fixture
def shop(acme, now):
    with in_account(acme.pk):
        world = Shop(now)
        world.by_rule = create_segment(list=world.in_list, name="VIPs", rule=RULE, now=now)
        world.by_hand = create_segment(list=world.in_list, name="Picked", kind="manual", now=now)
        return world


@pytest.fixture
def page(acme, shop):
    """Return the address of a page, of a segment where one is given."""

    def address(name, segment=None):
        args = [acme.slug, shop.in_list.pk, *([segment.pk] if segment else [])]
        return reverse(f"conversations:{name}", args=args)

    return address


READING = [("segments", None), ("segment", "by_rule"), ("segment", "by_hand")]
EDITING = [("new_segment", None), ("edit_segment", "by_rule"), ("edit_segment", "by_hand")]
POSTING = [
    ("new_segment", None),
    ("new_manual_segment", None),
    ("edit_segment", "by_rule"),
    ("delete_segment", "by_rule"),
    ("add_members", "by_hand"),
    ("remove_member", "by_hand"),
]


class TestAccess:
    @pytest.mark.parametrize(("name", "of"), [*READING, *EDITING])
    def test_is_not_there_for_a_stranger(self, client, zoe, shop, page, name, of):
        client.force_login(zoe)

        assert client.get(page(name, of and getattr(shop, of))).status_code == 404

    @pytest.mark.parametrize(("name", "of"), [*POSTING, ("count_segment", "by_rule")])
    def test_takes_nothing_of_a_stranger(self, client, zoe, shop, page, name, of):
        client.force_login(zoe)

        assert client.post(page(name, of and getattr(shop, of))).status_code == 404

    @pytest.mark.parametrize(("name", "of"), POSTING)
    def test_lets_a_viewer_change_nothing(self, client, ben, shop, page, name, of):
        client.force_login(ben)

        assert client.post(page(name, of and getattr(shop, of))).status_code == 403

    @pytest.mark.parametrize(("name", "of"), READING)
    def test_opens_for_a_viewer_without_what_changes(self, client, ben, shop, page, name, of):
        client.force_login(ben)

        text = client.get(page(name, of and getattr(shop, of))).text

        assert "new-manual" not in text
        assert "add-members" not in text
        assert "edit/" not in text

    def test_of_another_list_is_not_there(self, client, mia, shop, acme):
        with in_account(acme.pk):
            elsewhere = ListFactory()
        client.force_login(mia)

        address = reverse("conversations:segment", args=[acme.slug, elsewhere.pk, shop.by_rule.pk])
        assert client.get(address).status_code == 404

    @pytest.mark.parametrize(("name", "of"), [*READING, *EDITING])
    def test_holds_nothing_inline(self, client, mia, shop, page, name, of):
        client.force_login(mia)

        text = client.get(page(name, of and getattr(shop, of))).text

        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)
        assert not re.search(r"\s(style|on[a-z]+)=", text)


class TestSegments:
    def test_are_listed_with_rule_and_estimate(self, client, mia, shop, page):
        client.force_login(mia)

        text = client.get(page("segments")).text

        assert "Points is at least 10" in text
        assert "Kept by hand" in text
        assert "about " in text
        assert 'aria-current="page"' in text

    def test_are_counted(self, client, ben, acme, shop, page):
        with in_account(acme.pk):
            shop.person(profile={"Points": 12})
        client.force_login(ben)

        answer = client.post(page("count_segment", shop.by_rule), {"back": "list"}, follow=True)

        assert "1 contact is in VIPs." in answer.text
        assert answer.redirect_chain[-1][0] == page("segments")

    def test_are_made_of_a_rule_as_text(self, client, mia, acme, shop, page):
        client.force_login(mia)

        answer = client.post(
            page("new_segment"), {"name": "Quiet", "rule": "not: {purchase: {within: P60D}}"}
        )

        with in_account(acme.pk):
            made = Segment.objects.get(name="Quiet")
        assert answer.url == page("segment", made)
        assert made.rule == {"not": {"purchase": {"within": "P60D"}}}

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"name": "", "rule": "{segment: VIPs}"}, "required"),
            ({"name": "VIPs", "rule": "{segment: VIPs}"}, "named VIPs already"),
            ({"name": "X", "rule": "all: [{field: No.Field, is: 1}]"}, "all[0].field: There is no"),
            ({"name": "X", "rule": "purchase: {within: soon}"}, "purchase.within"),
            ({"name": "X", "rule": "entry: {method: api}"}, "Nobody is in a conversation here"),
            ({"name": "X", "rule": ""}, "required"),
        ],
    )
    def test_say_what_is_wrong(self, client, mia, shop, page, given, words):
        client.force_login(mia)

        answer = client.post(page("new_segment"), given)

        assert answer.status_code == 422
        assert words in answer.text

    def test_offer_what_may_be_asked_outside_of_a_conversation(self, client, mia, shop, page):
        client.force_login(mia)

        text = client.get(page("new_segment")).text

        assert "&quot;segments&quot;: [&quot;Picked&quot;, &quot;VIPs&quot;]" in text
        assert "&quot;threads&quot;: null" in text
        assert "js/rules.js" in text


class TestSegment:
    def test_shows_its_members_page_by_page(self, client, ben, acme, shop, page):
        with in_account(acme.pk):
            people = [shop.person(profile={"Points": 10 + one}) for one in range(51)]
        client.force_login(ben)

        first = client.get(page("segment", shop.by_rule)).text
        second = client.get(page("segment", shop.by_rule), {"after": people[49].pk}).text

        assert people[0].contact.email in first
        assert people[50].contact.email not in first
        assert f"?after={people[49].pk}" in first
        assert people[50].contact.email in second

    def test_is_changed(self, client, mia, acme, shop, page):
        client.force_login(mia)
        shown = client.get(page("edit_segment", shop.by_rule)).text

        client.post(
            page("edit_segment", shop.by_rule),
            {"name": "Best", "rule": "{field: Profile.Points, more_than: 99}"},
        )

        assert "at_least: 10" in shown
        with in_account(acme.pk):
            changed = Segment.objects.get(pk=shop.by_rule.pk)
        assert (changed.name, changed.revision) == ("Best", 2)

    def test_takes_addresses_and_says_which_are_unknown(self, client, mia, acme, shop, page):
        with in_account(acme.pk):
            shop.person(email="grace@mail.example")
        client.force_login(mia)

        answer = client.post(
            page("add_members", shop.by_hand),
            {"addresses": "Grace@mail.example, nobody@mail.example"},
            follow=True,
        )

        assert "1 put in." in answer.text
        assert "Not on this list: nobody@mail.example." in answer.text
        assert "Take out" in answer.text

    def test_gives_members_back(self, client, mia, acme, shop, page):
        with in_account(acme.pk):
            person = shop.person()
            add_members(segment=shop.by_hand, subscription_ids=[person.pk], now=shop.now)
        client.force_login(mia)

        client.post(page("remove_member", shop.by_hand), {"subscription": person.pk})

        with in_account(acme.pk):
            assert not SegmentMember.objects.exists()

    def test_takes_members_only_if_kept_by_hand(self, client, mia, shop, page):
        client.force_login(mia)

        answer = client.post(page("add_members", shop.by_rule), {"addresses": "a@b.example"})

        assert answer.status_code == 422

    def test_is_deleted_unless_something_asks_for_it(self, client, mia, acme, shop, page):
        with in_account(acme.pk):
            create_segment(
                list=shop.in_list, name="Others", rule={"not": {"segment": "VIPs"}}, now=shop.now
            )
        client.force_login(mia)

        refused = client.post(page("delete_segment", shop.by_rule), follow=True)
        client.post(page("delete_segment", shop.by_hand))

        assert "used by the segment “Others”" in refused.text
        with in_account(acme.pk):
            assert set(Segment.objects.values_list("name", flat=True)) == {"VIPs", "Others"}

    def test_whose_rule_names_what_is_gone_says_so(self, client, mia, acme, shop, page):
        with in_account(acme.pk):
            Segment.objects.filter(pk=shop.by_rule.pk).update(
                resolved={"leaf": "segment", "segment_id": 0}
            )
        client.force_login(mia)

        assert "the segment is gone" in client.get(page("segments")).text
        assert "the segment is gone" in client.get(page("segment", shop.by_rule)).text
