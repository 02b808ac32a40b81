"""A profile field stays, and stays as it is, while a running version names it."""

import pytest

from accounts.actions import InvalidValueError
from contacts.actions.errors import InUseError
from contacts.actions.fields import delete_field, update_field
from contacts.models import ProfileField, ProfileFieldGroup
from tests.factories import ProfileFieldFactory


@pytest.fixture
def tier(world):
    group = ProfileFieldGroup.objects.get(list=world.in_list, name="Profile")
    return ProfileFieldFactory.create(group=group, name="Tier")


class TestUpdateField:
    def test_keeps_the_type_while_a_conversation_names_it(self, world, tier):
        world.live("{key: act, action: {set_field: {field: Profile.Tier, value: gold}}}")

        with pytest.raises(InvalidValueError, match=r"Profile\.Tier is used by C1\."):
            update_field(field=tier, name="Level", data_type="Date", now=world.now)

        update_field(field=tier, name="Level", data_type="Text", now=world.now)
        tier.refresh_from_db()
        assert (tier.name, tier.data_type) == ("Level", "Text")


class TestDeleteField:
    def test_is_refused_while_a_conversation_names_it(self, world, tier):
        world.live("{key: who, filter: {any: [{field: Profile.Tier, is: gold}]}}")

        with pytest.raises(InUseError, match=r"Profile\.Tier is used by C1\."):
            delete_field(field=tier, now=world.now)

    def test_is_refused_while_a_webhook_reads_it(self, world, tier):
        world.live(
            "{key: call, webhook: {url: 'https://a.example/', body: '{{ fields.Profile.Tier }}'}}"
        )

        with pytest.raises(InUseError, match=r"Profile\.Tier is used by C1\."):
            delete_field(field=tier, now=world.now)

    def test_takes_a_longer_name_for_another(self, world, tier):
        world.live('{key: who, filter: {any: [{field: Profile.Tier, is: "profile.tiers"}]}}')
        other = ProfileFieldFactory.create(group=tier.group, name="Tie")

        delete_field(field=other, now=world.now)

        assert not ProfileField.objects.filter(name="Tie").exists()
