"""Support looks into one chosen account at a time, and leaves a trace."""

import pytest

from accounts.models import AuditEntry, User
from accounts.tenancy import in_account
from tests.factories import ContactFactory


@pytest.fixture
def sam(db):
    """A member of the support staff, in no account."""
    return User.objects.create_superuser("sam@conductor.example", "correct horse battery")


@pytest.fixture
def grace(acme):
    with in_account(acme.pk):
        return ContactFactory(email="grace@mail.example")


class TestTheSupportSite:
    def test_is_closed_to_members(self, client, ada, acme):
        client.force_login(ada)

        assert client.get("/support/").status_code in {302, 403}

    def test_shows_nothing_before_an_account_is_chosen(self, client, sam, grace):
        client.force_login(sam)

        assert client.get("/support/contacts/contact/").status_code == 403

    def test_shows_the_chosen_account_only(self, client, sam, acme, globex, grace):
        with in_account(globex.pk):
            ContactFactory(email="other@mail.example")
        client.force_login(sam)
        client.post("/support/account/", {"account": "acme-shoes"})

        page = client.get("/support/contacts/contact/").content.decode()

        assert "grace@mail.example" in page
        assert "other@mail.example" not in page

    def test_writes_down_who_looked_at_whom(self, client, sam, acme, grace):
        client.force_login(sam)
        client.post("/support/account/", {"account": "acme-shoes"})

        page = client.get(f"/support/contacts/contact/{grace.pk}/change/")

        assert page.status_code == 200
        with in_account(acme.pk):
            entry = AuditEntry.objects.get(noun="contact")
        assert (entry.verb, entry.object_id, entry.by_user_id) == ("viewed", grace.pk, sam.pk)

    def test_changes_nothing(self, client, sam, acme, grace):
        client.force_login(sam)
        client.post("/support/account/", {"account": "acme-shoes"})

        answer = client.post(f"/support/contacts/contact/{grace.pk}/delete/", {"post": "yes"})

        assert answer.status_code == 403

    def test_says_so_when_there_is_no_such_account(self, client, sam):
        client.force_login(sam)

        page = client.post("/support/account/", {"account": "nowhere"}, follow=True)

        assert "There is no account with the address nowhere." in page.content.decode()
