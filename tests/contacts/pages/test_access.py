"""Who may open the pages, and who may erase a contact."""

import re

import pytest

from accounts.tenancy import in_account
from contacts.models import (
    Contact,
)
from tests.contacts.pages.addresses import page
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
)

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
