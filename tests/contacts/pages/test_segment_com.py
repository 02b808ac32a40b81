"""Integrations > Segment: mappings, the write key, what came of the calls."""

import re

import pytest

from accounts.models import ApiClient
from accounts.tenancy import in_account
from contacts.actions.segment_calls import take_calls
from contacts.models import SegmentInlet, SegmentMapping
from tests.contacts.pages.addresses import page
from tests.factories import ListFactory, ProfileFieldFactory


def rows(*given):
    """Return rows of values as the form sends them."""
    sent = {"values-TOTAL_FORMS": len(given), "values-INITIAL_FORMS": 0}
    for place, row in enumerate(given):
        for name, value in zip(("field", "how", "text"), row, strict=True):
            sent[f"values-{place}-{name}"] = value
    return sent


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
        **rows((vip.pk, "audience", "")),
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
        shown = client.get(page("segment_mapping", made.pk)).text
        assert re.search(rf'<option value="{vip.pk}" selected>Engage.VIP \(Check Box\)', shown)
        assert '<option value="audience" selected>Use audience key' in shown
        changed = {**given, "name": "Best", **rows((vip.pk, "literal", "on"), ("", "audience", ""))}
        assert client.post(page("segment_mapping", made.pk), changed).status_code == 302
        text = client.get(page("segment_com")).text
        assert "Best" in text
        assert "Engage.VIP = <code>on</code>" in text
        with in_account(acme.pk):
            assert SegmentMapping.objects.get().values == {str(vip.pk): "on"}

    def test_of_identify_calls_write_traits(self, client, ada, acme, given, vip):
        client.force_login(ada)
        wanted = {**given, "event_type": "identify", **rows((vip.pk, "trait", "is_vip"))}

        # What only a track call has, typed before the type was changed, is left out.
        assert client.post(page("new_mapping"), wanted).status_code == 302

        with in_account(acme.pk):
            made = SegmentMapping.objects.get()
        assert (made.event_name, made.values) == ("", {str(vip.pk): "is_vip"})
        shown = client.get(page("segment_mapping", made.pk)).text
        assert '<option value="trait" selected>' in shown
        assert 'value="is_vip"' in shown

    def test_offer_the_fields_of_the_chosen_list(self, client, ada, acme, given, vip):
        with in_account(acme.pk):
            other = ProfileFieldFactory.create(group__list=ListFactory.create(), name="Size")
        client.force_login(ada)
        sent = {**given, "list": other.list_id, "more": "1"}

        text = client.post(page("mapping_values"), sent).text

        assert "Size" in text
        assert "Engage.VIP" not in text
        assert 'name="values-TOTAL_FORMS" value="2"' in text
        dropped = client.post(page("mapping_values"), {**given, "drop": "0"}).text
        assert 'name="values-TOTAL_FORMS" value="1"' in dropped
        assert "selected>Engage.VIP" not in dropped

    def test_are_fifty_at_most(self, client, ada, acme, given, customers, vip, now):
        client.force_login(ada)
        with in_account(acme.pk):
            SegmentMapping.objects.bulk_create(
                SegmentMapping(
                    name=f"M{number}",
                    list=customers,
                    event_type="track",
                    values={str(vip.pk): "on"},
                    created_at=now,
                    modified_at=now,
                )
                for number in range(50)
            )

        answer = client.post(page("new_mapping"), given)

        assert answer.status_code == 422
        assert "An account has 50 Segment mappings at most." in answer.text
        assert page("new_mapping") not in client.get(page("segment_com")).text

    @pytest.mark.parametrize(
        ("event_type", "how", "text", "said"),
        [
            ("track", "literal", "", "Say what is written."),
            ("track", "literal", "perhaps", "VIP"),
            ("track", "trait", "is_vip", "Select a valid choice"),
            ("identify", "trait", "", "Name the trait."),
            ("identify", "trait", "on", "on and off are fixed values"),
            ("identify", "literal", "perhaps", "An identify call writes on or off"),
        ],
    )
    def test_refuse_a_value_beside_it(
        self, client, ada, acme, given, vip, event_type, how, text, said
    ):
        client.force_login(ada)
        sent = {**given, "event_type": event_type, **rows((vip.pk, how, text))}

        answer = client.post(page("new_mapping"), sent)

        assert answer.status_code == 422
        assert re.search(rf'id="id_values-0-(text|how)_error">.*{said}', answer.text)
        with in_account(acme.pk):
            assert not SegmentMapping.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (rows(), "at least one profile field"),
            (rows(("", "literal", "on")), "Choose the profile field"),
            (rows(("999", "literal", "on")), "Select a valid choice"),
            ({"email_path": "a b"}, "A path is names with dots"),
            ({"name": ""}, "This field is required."),
        ],
    )
    def test_are_refused_beside_their_field(self, client, ada, acme, given, wrong, said):
        client.force_login(ada)

        answer = client.post(page("new_mapping"), {**given, **wrong})

        assert answer.status_code == 422
        assert said in answer.text
        with in_account(acme.pk):
            assert not SegmentMapping.objects.exists()

    def test_write_a_field_once(self, client, ada, acme, given, vip):
        client.force_login(ada)
        twice = rows((vip.pk, "literal", "on"), (vip.pk, "literal", "off"))

        answer = client.post(page("new_mapping"), {**given, **twice})

        assert answer.status_code == 422
        assert "This field stands there twice." in answer.text

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
            ("mapping_values", False),
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
