"""Pages of profile fields."""

from accounts.tenancy import in_account
from contacts.models import (
    ProfileField,
    ProfileFieldGroup,
)
from tests.contacts.pages.addresses import page
from tests.factories import (
    ProfileFieldFactory,
    SubscriptionFactory,
)


class TestProfileFields:
    def test_a_group_and_a_check_box_are_made_in_the_marketers_words(
        self, client, mia, acme, customers
    ):
        client.force_login(mia)

        assert "Create Field Group" in client.get(page("fields", customers.pk)).text
        made = client.post(
            page("new_group", customers.pk), {"name": "Engage Audiences"}, follow=True
        )
        for words in ("Field Name", "Data Type", "Check Box", "Update"):
            assert words in made.text
        with in_account(acme.pk):
            group = ProfileFieldGroup.objects.get()
        client.post(
            page("new_field", customers.pk, group.pk), {"name": "VIP", "data_type": "CheckBox"}
        )

        with in_account(acme.pk):
            field = ProfileField.objects.get()
        assert (field.name, field.data_type, field.group_id) == ("VIP", "CheckBox", group.pk)
        text = client.get(page("fields", customers.pk)).text
        assert f"<code>{field.pk}</code>" in text

    def test_taken_names_are_refused(self, client, mia, acme, customers):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(
                group__list=customers, group__name="Profile", name="VIP"
            )
        client.force_login(mia)

        group = client.post(page("new_group", customers.pk), {"name": "profile"})
        second = client.post(
            page("new_field", customers.pk, field.group_id), {"name": "vip", "data_type": "Text"}
        )

        assert (group.status_code, second.status_code) == (422, 422)
        assert "data-open-now" in group.text
        assert "id_name_error" in second.text

    def test_a_field_is_changed(self, client, mia, acme, customers):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=customers, name="VIP")
        client.force_login(mia)

        assert "VIP" in client.get(page("field", customers.pk, field.pk)).text
        client.post(
            page("field", customers.pk, field.pk), {"name": "Very important", "data_type": "Date"}
        )

        with in_account(acme.pk):
            field.refresh_from_db()
        assert (field.name, field.data_type) == ("Very important", "Date")

    def test_the_type_stays_while_contacts_have_values(self, client, mia, acme, customers):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=customers, name="VIP")
            SubscriptionFactory.create(list=customers, profile={str(field.pk): "yes"})
        client.force_login(mia)

        answer = client.post(
            page("field", customers.pk, field.pk), {"name": "VIP", "data_type": "Date"}
        )

        assert answer.status_code == 422
        assert "id_data_type_error" in answer.text
