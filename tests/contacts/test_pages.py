"""Pages of lists, contacts, profile fields and external events."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from accounts.models import List
from accounts.tenancy import in_account
from contacts.models import (
    Contact,
    Event,
    ExternalEvent,
    ProfileField,
    ProfileFieldGroup,
    Subscription,
)
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)


@pytest.fixture
def customers(acme):
    """A list of acme."""
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def grace(acme, customers):
    """Somebody on the list."""
    with in_account(acme.pk):
        return SubscriptionFactory.create(
            list=customers,
            contact__email="Grace@mail.example",
            contact__phone_e164="+12125550143",
            contact__last_name="Hopper",
        ).contact


def page(view, *args):
    return reverse(f"contacts:{view}", args=["acme-shoes", *args])


class TestLists:
    FORM = {"name": "Transactional", "from_name": "Acme", "from_email": "shop@acme.example"}

    def test_each_is_shown_with_its_reach(self, client, ben, customers, grace):
        client.force_login(ben)

        text = client.get(page("lists")).text

        assert "Store Customers" in text
        assert 'data-label="Subscribed">1<' in text
        assert "Create list" not in text

    def test_one_is_created(self, client, mia, acme):
        client.force_login(mia)

        answer = client.post(page("new_list"), {**self.FORM, "bounce_handling": "Standard"})

        with in_account(acme.pk):
            made = List.objects.get()
        assert answer.url == page("contacts", made.pk)
        assert (made.name, made.from_email) == ("Transactional", "shop@acme.example")

    def test_a_taken_name_is_said_beside_it(self, client, mia, acme, customers):
        client.force_login(mia)

        answer = client.post(
            page("new_list"),
            {**self.FORM, "name": "Store Customers", "bounce_handling": "Standard"},
        )

        assert answer.status_code == 422
        assert "id_name_error" in answer.text
        assert 'value="shop@acme.example"' in answer.text

    def test_one_is_changed(self, client, mia, acme, customers):
        client.force_login(mia)

        client.post(page("edit_list", customers.pk), {**self.FORM, "bounce_handling": "None"})

        with in_account(acme.pk):
            assert List.objects.get().bounce_handling == "None"

    def test_one_says_how_its_mail_is_tracked_and_left(self, client, mia, acme, customers):
        client.force_login(mia)

        client.post(
            page("edit_list", customers.pk),
            {
                **self.FORM,
                "bounce_handling": "Aggressive",
                "bounce_unsubscribe_count": "3",
                "reply_to": "help@acme.example",
                "enable_list_removal_header": "on",
                "track_clicks": "on",
                "link_domain_alias": "links.acme.example",
                "google_tracking_domains": "https://Acme.example/\nshop.example acme.example",
            },
        )

        with in_account(acme.pk):
            changed = List.objects.get()
        assert (changed.track_opens, changed.track_clicks) == (False, True)
        assert (changed.enable_list_removal_header, changed.enable_list_removal_link) == (
            True,
            False,
        )
        assert (changed.bounce_unsubscribe_count, changed.reply_to) == (3, "help@acme.example")
        assert changed.link_domain_alias == "links.acme.example"
        assert changed.google_tracking_domains == ["acme.example", "shop.example"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("link_domain_alias", "links.acme.example/evil"),
            ("link_domain_alias", "a b.example"),
            ("google_tracking_domains", "not-a-domain"),
            ("bounce_unsubscribe_count", "-1"),
            ("reply_to", "a@b\r\nBcc: x@y.example"),
        ],
    )
    def test_bad_settings_are_said_beside_them(self, client, mia, customers, field, value):
        client.force_login(mia)

        answer = client.post(
            page("edit_list", customers.pk),
            {**self.FORM, "bounce_handling": "None", field: value},
        )

        assert answer.status_code == 422
        assert f"id_{field}_error" in answer.text

    def test_a_change_to_a_taken_name_is_refused(self, client, mia, acme, customers):
        with in_account(acme.pk):
            ListFactory.create(name="Taken")
        client.force_login(mia)

        answer = client.post(
            page("edit_list", customers.pk),
            {**self.FORM, "name": "Taken", "bounce_handling": "None"},
        )

        assert answer.status_code == 422
        assert "<h1>Store Customers</h1>" in answer.text


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


class TestExternalEvents:
    def test_one_is_created_renamed_blocked_and_let_through(self, client, mia, acme, customers):
        client.force_login(mia)

        client.post(page("new_event", customers.pk), {"name": "Order Imported"})
        with in_account(acme.pk):
            event = ExternalEvent.objects.get()
        client.post(page("event", customers.pk, event.pk), {"name": "Order Shipped"})
        client.post(page("block_event", customers.pk, event.pk))
        text = client.get(page("events", customers.pk)).text
        assert "Order Shipped" in text
        assert "Blocked" in text
        client.post(page("unblock_event", customers.pk, event.pk))

        with in_account(acme.pk):
            event.refresh_from_db()
        assert (event.name, event.status) == ("Order Shipped", "Active")

    def test_taken_names_are_refused(self, client, mia, acme, customers):
        with in_account(acme.pk):
            ExternalEventFactory.create(list=customers, name="Order Imported")
            other = ExternalEventFactory.create(list=customers)
        client.force_login(mia)

        made = client.post(page("new_event", customers.pk), {"name": "Order Imported"})
        renamed = client.post(page("event", customers.pk, other.pk), {"name": "Order Imported"})

        assert (made.status_code, renamed.status_code) == (422, 422)


READ = ["lists", "contacts", "fields", "group", "events"]
WRITE = [
    "new_list",
    "edit_list",
    "new_contact",
    "edit_contact",
    "raise_event",
    "unsubscribe",
    "resubscribe",
    "new_group",
    "new_field",
    "field",
    "new_event",
    "event",
    "block_event",
    "unblock_event",
]


@pytest.fixture
def addresses(acme, customers, grace):
    """Return the address of each page."""
    with in_account(acme.pk):
        group = ProfileFieldGroupFactory.create(list=customers)
        field = ProfileFieldFactory.create(group=group)
        event = ExternalEventFactory.create(list=customers)
    things = {"group_id": group.pk, "field_id": field.pk, "event_id": event.pk}
    arguments = {
        "lists": [],
        "new_list": [],
        "edit_contact": [grace.pk],
        "raise_event": [grace.pk],
        "unsubscribe": [grace.pk],
        "resubscribe": [grace.pk],
        "group": [things["group_id"]],
        "new_field": [things["group_id"]],
        "field": [things["field_id"]],
        "event": [things["event_id"]],
        "block_event": [things["event_id"]],
        "unblock_event": [things["event_id"]],
    }

    def address(view):
        listed = [] if view in {"lists", "new_list"} else [customers.pk]
        return page(view, *listed, *arguments.get(view, []))

    return address


class TestWhoMay:
    @pytest.mark.parametrize("view", READ)
    def test_read(self, client, ben, zoe, addresses, view):
        answers = []
        for user in (zoe, ben):
            client.force_login(user)
            answers.append(client.get(addresses(view)).status_code)

        assert answers == [404, 200]

    @pytest.mark.parametrize("view", WRITE)
    def test_write(self, client, ben, zoe, addresses, view):
        answers = []
        for user in (zoe, ben):
            client.force_login(user)
            answers.append(client.post(addresses(view)).status_code)

        assert answers == [404, 403]

    @pytest.mark.parametrize("view", [*READ[1:], *WRITE[1:]])
    def test_another_accounts_list_is_not_there(self, client, zoe, globex, addresses, view):
        client.force_login(zoe)
        address = addresses(view).replace("acme-shoes", "globex")

        # A look at a form's address leads to the page above it, which is not there either.
        assert client.get(address, follow=True).status_code in {404, 405}
        assert client.post(address).status_code in {404, 405}

    @pytest.mark.parametrize("view", [*READ, "new_list", "edit_list", "new_contact"])
    def test_pages_hold_nothing_inline(self, client, mia, addresses, view):
        client.force_login(mia)

        text = client.get(addresses(view)).text

        assert not re.search(r"""\sstyle=|\son[a-z]+=|\shx-on|<style|<script(?! src)""", text)


class TestErasing:
    def test_says_what_goes_and_wants_the_name_typed(self, client, ada, acme, customers, grace):
        client.force_login(ada)

        shown = client.get(page("erase_contact", customers.pk, grace.pk)).text
        refused = client.post(page("erase_contact", customers.pk, grace.pk), {"name": "Grace"})

        assert 'data-confirm-name="Grace@mail.example"' in shown
        assert refused.status_code == 422
        with in_account(acme.pk):
            assert Contact.objects.filter(pk=grace.pk).exists()

    def test_forgets_the_contact(self, client, ada, acme, customers, grace):
        client.force_login(ada)

        answer = client.post(
            page("erase_contact", customers.pk, grace.pk), {"name": "Grace@mail.example "}
        )

        assert answer.url == page("contacts", customers.pk)
        with in_account(acme.pk):
            assert not Contact.objects.exists()

    @pytest.mark.parametrize(("who", "status"), [("zoe", 404), ("ben", 403), ("mia", 403)])
    def test_is_the_owner_s(self, client, request, acme, customers, grace, who, status):
        client.force_login(request.getfixturevalue(who))

        answer = client.post(
            page("erase_contact", customers.pk, grace.pk), {"name": "Grace@mail.example"}
        )

        assert answer.status_code == status
        with in_account(acme.pk):
            assert Contact.objects.filter(pk=grace.pk).exists()
