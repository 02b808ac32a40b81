"""Integrations > Segment: mappings, the write key, what came of the calls."""

import re

import pytest

from accounts.models import ApiClient
from accounts.tenancy import in_account
from contacts.actions.segment_calls import take_calls
from contacts.models import SegmentInlet, SegmentMapping
from tests.contacts.pages.addresses import page
from tests.factories import ProfileFieldFactory

VALUES = "Engage.VIP = useAudienceKey"


@pytest.fixture
def vip(acme, customers):
    """A check box of the list."""
    with in_account(acme.pk):
        return ProfileFieldFactory.create(
            group__list=customers, group__name="Engage", name="VIP", data_type="CheckBox"
        )


@pytest.fixture
def given(customers, vip):
    """What the form of a mapping says."""
    return {
        "name": "VIPs",
        "event_type": "track",
        "event_name": "Audience Entered",
        "list": customers.pk,
        "values": VALUES,
    }


@pytest.fixture
def vips(acme, customers, vip, now):
    """A mapping."""
    with in_account(acme.pk):
        return SegmentMapping.objects.create(
            name="VIPs",
            list=customers,
            event_type="track",
            values={str(vip.pk): "useAudienceKey"},
            created_at=now,
            modified_at=now,
        )


class TestMappings:
    def test_page_says_what_to_begin_with(self, client, ada, acme, customers):
        client.force_login(ada)

        text = client.get(page("segment_com")).text

        assert "No mappings yet" in text
        assert "/conductor/v1/source/segment" in text
        assert not re.search(r"""\sstyle=|\son[a-z]+=|<script(?! src)""", text)

    def test_are_created_and_changed(self, client, ada, acme, given, vip):
        client.force_login(ada)

        assert client.get(page("new_mapping")).status_code == 200
        assert client.post(page("new_mapping"), given).url == page("segment_com")
        with in_account(acme.pk):
            made = SegmentMapping.objects.get()
        assert (made.event_name, made.values) == (
            "Audience Entered",
            {str(vip.pk): "useAudienceKey"},
        )
        assert VALUES in client.get(page("segment_mapping", made.pk)).text
        changed = {**given, "name": "Best", "values": "Engage.VIP = on"}
        assert client.post(page("segment_mapping", made.pk), changed).status_code == 302
        assert "Best" in client.get(page("segment_com")).text

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"values": "Engage.VIP"}, "a line is Group.Field = value"),
            ({"values": "Engage.VIP = on\nEngage.VIP = off"}, "stands there twice"),
            ({"values": "Engage.Gone = on"}, "The list has no profile field Engage.Gone."),
            ({"email_path": "a b"}, "A path is names with dots"),
        ],
    )
    def test_are_refused_beside_their_field(self, client, ada, acme, given, wrong, said):
        client.force_login(ada)

        answer = client.post(page("new_mapping"), {**given, **wrong})

        assert answer.status_code == 422
        assert said in answer.text
        with in_account(acme.pk):
            assert not SegmentMapping.objects.exists()

    def test_are_deleted_and_put_back(self, client, ada, acme, vips):
        client.force_login(ada)

        after = client.post(page("delete_mapping", vips.pk), follow=True).text

        assert page("restore_mapping", vips.pk) in after
        assert client.get(page("segment_mapping", vips.pk)).status_code == 404
        client.post(page("restore_mapping", vips.pk))
        assert client.get(page("segment_mapping", vips.pk)).status_code == 200

    def test_show_what_came_of_the_calls(self, client, ada, acme, vips, now):
        client.force_login(ada)
        client.post(page("new_write_key"))
        with in_account(acme.pk):
            take_calls(calls=[{"type": "track", "properties": {}}], now=now)

        text = client.get(page("segment_com")).text

        assert "The call has no email address." in text
        assert re.search(r'data-label="Refused">1<', text)


class TestKey:
    def test_is_shown_once(self, client, ada, acme, customers):
        client.force_login(ada)

        client.post(page("new_write_key"))
        with in_account(acme.pk):
            hint = SegmentInlet.objects.get().hint
        first, second = client.get(page("segment_com")).text, client.get(page("segment_com")).text

        assert "The write key is shown once." in first
        assert re.search(rf"[\w-]{{39}}{re.escape(hint)}", first)
        assert "The write key is shown once." not in second
        assert f"…{hint}" in second

    def test_is_no_integration_of_the_page_of_integrations(self, client, ada, acme):
        client.force_login(ada)
        client.post(page("new_write_key"))
        with in_account(acme.pk):
            made = ApiClient.objects.get()

        assert "No integrations yet" in client.get("/a/acme-shoes/integrations/").text
        assert client.get(f"/a/acme-shoes/integrations/{made.pk}/").status_code == 404


class TestWhoMay:
    @pytest.mark.parametrize(
        ("view", "named"),
        [
            ("segment_com", False),
            ("new_write_key", False),
            ("new_mapping", False),
            ("segment_mapping", True),
            ("delete_mapping", True),
            ("restore_mapping", True),
        ],
    )
    def test_be_here(self, client, zoe, ben, mia, vips, view, named):
        address = page(view, *([vips.pk] if named else []))
        answers = []
        for user in (zoe, ben, mia):
            client.force_login(user)
            answers.append({client.get(address).status_code, client.post(address).status_code})

        said = [one - {302, 405} for one in answers]

        assert said == [{404}, {403}, {403}]

    def test_see_another_accounts_mapping(self, client, zoe, vips):
        client.force_login(zoe)

        address = page("segment_mapping", vips.pk).replace("acme-shoes", "globex")

        assert client.get(address).status_code == 404
