"""Pages of lists, and of external events."""

import pytest

from accounts.models import List
from accounts.tenancy import in_account
from contacts.models import (
    ExternalEvent,
)
from tests.contacts.pages.addresses import page
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
)


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
                "public_name": " Acme's news ",
                "enable_list_removal_header": "on",
                "track_clicks": "on",
                "link_domain_alias": "links.acme.example",
                "google_tracking_domains": "https://Acme.example/\nshop.example acme.example",
            },
        )

        with in_account(acme.pk):
            changed = List.objects.get()
        assert (changed.track_opens, changed.track_clicks) == (False, True)
        assert changed.enable_list_removal_header is True
        assert (changed.bounce_unsubscribe_count, changed.reply_to) == (3, "help@acme.example")
        assert (changed.public_name, changed.shown_name) == ("Acme's news", "Acme's news")
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
            ("reply_to", "help@payp\u03b1l.example"),  # a Greek alpha
            ("from_email", "shop@\u0430cme.example"),  # a Cyrillic a
            ("from_email", f"{'x' * 65}@acme.example"),
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
