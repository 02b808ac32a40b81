"""Pages of contacts."""

import re
from datetime import UTC, datetime

from accounts.tenancy import in_account
from contacts.models import (
    Contact,
    Event,
    Subscription,
)
from tests.contacts.pages.addresses import page
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ProfileFieldFactory,
    SubscriptionFactory,
)


class TestContacts:
    def test_are_shown_and_found_by_how_an_address_begins(self, client, ben, acme, grace):
        with in_account(acme.pk):
            SubscriptionFactory.create(
                list_id=self.list_of(grace), contact__email="zora@mail.example"
            )
        client.force_login(ben)
        address = page("contacts", self.list_of(grace))

        both = client.get(address).text
        assert "Grace@mail.example" in both
        assert "zora@mail.example" in both
        for query in ("grace@", "GRACE", "+1 212 555", "(212) 555-0143"):
            found = client.get(address, {"q": query}).text
            assert "Grace@mail.example" in found, query
            assert "zora@mail.example" not in found, query

    def test_are_filtered_by_state(self, client, ben, acme, grace):
        client.force_login(ben)

        text = client.get(page("contacts", self.list_of(grace)), {"state": "Unsubscribed"}).text

        assert "Nobody on this list matches." in text

    def test_come_in_pages(self, client, ben, acme, customers):
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(60, list=customers)
        client.force_login(ben)

        first = client.get(page("contacts", customers.pk))
        following = re.search(r'href="([^"]+)" rel="next"', first.text)
        assert following is not None
        second = client.get(following[1])

        assert len(first.context["subscriptions"]) == 50
        assert len(second.context["subscriptions"]) == 10
        assert "60 contacts" in second.text

    def test_an_empty_list_says_what_to_do(self, client, mia, customers):
        client.force_login(mia)

        assert "Import a file" in client.get(page("contacts", customers.pk)).text

    def test_one_is_added_with_its_profile(self, client, mia, acme, customers):
        with in_account(acme.pk):
            size = ProfileFieldFactory.create(
                list=customers, group__list=customers, data_type="Numeric"
            )
        client.force_login(mia)

        answer = client.post(
            page("new_contact", customers.pk),
            {
                "email": "Katherine@mail.example",
                "first_name": "Katherine",
                "phone": "212 555 0177",
                f"field-{size.pk}": "38.5",
            },
        )

        with in_account(acme.pk):
            made = Subscription.objects.select_related("contact").get()
        assert answer.url.endswith(f"/contacts/{made.contact_id}/")
        assert made.state == "Subscribed"
        assert made.profile == {str(size.pk): 38.5}
        assert made.contact.email_norm == "katherine@mail.example"
        assert made.contact.first_name == "Katherine"
        assert made.contact.phone_e164 == "+12125550177"

    def test_a_wrong_one_is_said_beside_its_field_and_stores_nothing(
        self, client, mia, acme, customers
    ):
        client.force_login(mia)

        answer = client.post(
            page("new_contact", customers.pk),
            {"email": "k@mail.example", "phone": "12", "first_name": "Katherine"},
        )

        assert answer.status_code == 422
        assert "id_phone_error" in answer.text
        assert 'value="Katherine"' in answer.text
        with in_account(acme.pk):
            assert not Contact.objects.exists()
            assert not Subscription.objects.exists()

    def test_a_zone_that_is_none_is_refused(self, client, mia, customers):
        client.force_login(mia)

        answer = client.post(
            page("new_contact", customers.pk), {"email": "k@mail.example", "time_zone": "Mars"}
        )

        assert "Mars is not an IANA time zone" in answer.text

    def test_one_is_changed_and_emptied(self, client, mia, acme, customers, grace):
        with in_account(acme.pk):
            note = ProfileFieldFactory.create(list=customers, group__list=customers)
            Subscription.objects.update(profile={str(note.pk): "size 38"})
        client.force_login(mia)

        client.post(
            page("edit_contact", customers.pk, grace.pk),
            {"first_name": "", "last_name": "H", "phone": "", f"field-{note.pk}": ""},
        )

        with in_account(acme.pk):
            grace.refresh_from_db()
            assert Subscription.objects.get().profile == {}
        assert (grace.first_name, grace.last_name, grace.phone_e164) == ("", "H", "")
        assert grace.email == "Grace@mail.example"

    def test_a_number_of_somebody_else_is_refused(self, client, mia, acme, customers, grace):
        with in_account(acme.pk):
            ContactFactory.create(phone_e164="+12125550199")
        client.force_login(mia)

        answer = client.post(
            page("edit_contact", customers.pk, grace.pk), {"phone": "+12125550199"}
        )

        assert answer.status_code == 422
        assert "Another contact has it already." in answer.text

    def test_one_is_unsubscribed_and_subscribed_again(self, client, mia, acme, customers, grace):
        client.force_login(mia)

        client.post(page("unsubscribe", customers.pk, grace.pk))
        with in_account(acme.pk):
            assert Subscription.objects.get().state == "Unsubscribed"
        client.post(page("resubscribe", customers.pk, grace.pk))
        with in_account(acme.pk):
            assert Subscription.objects.get().state == "Subscribed"

    def test_an_event_is_raised_at_the_accounts_time(self, client, mia, acme, customers, grace):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=customers, name="Order Imported")
        client.force_login(mia)

        client.post(
            page("raise_event", customers.pk, grace.pk),
            {"event": event.pk, "occurred_at": "2026-11-18T07:00", "properties": "order: 1001"},
        )

        with in_account(acme.pk):
            raised = Event.objects.get()
        assert raised.contact_id == grace.pk
        assert raised.occurred_at == datetime(2026, 11, 18, 12, tzinfo=UTC)
        assert raised.properties == {"order": "1001"}
        assert raised.source == "page"

    def test_properties_that_cannot_be_read_are_said(self, client, mia, acme, customers, grace):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=customers)
        client.force_login(mia)

        answer = client.post(
            page("raise_event", customers.pk, grace.pk), {"event": event.pk, "properties": "1001"}
        )

        assert answer.status_code == 422
        assert "name: value" in answer.text

    def test_without_an_event_the_page_says_where_to_make_one(self, client, mia, customers, grace):
        client.force_login(mia)

        text = client.get(page("raise_event", customers.pk, grace.pk)).text

        assert "Create external event" in text

    @staticmethod
    def list_of(contact):
        with in_account(contact.account_id):
            return Subscription.objects.get(contact=contact).list_id
