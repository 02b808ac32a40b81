"""A contact that is not saved, and what is not written over."""

import pytest

from accounts.tenancy import in_account
from contacts.models import Event, Subscription
from messaging import actions
from tests.api.contacts.answers import LEFT
from tests.factories import SubscriptionFactory

ADA = "ada@mail.example"


@pytest.fixture
def stands(acme, shop):
    def make(state, **given):
        with in_account(acme.pk):
            return SubscriptionFactory.create(list=shop, contact__email=ADA, state=state, **given)

    return make


@pytest.fixture
def suppress(acme, now):
    def write_down(reason="manual", list_=None):
        with in_account(acme.pk):
            actions.suppress(channel="email", addresses=[ADA], reason=reason, list=list_, now=now)

    return write_down


def state(acme):
    with in_account(acme.pk):
        return Subscription.objects.get().state


class TestUnsubscribed:
    def test_have_no_events_raised_by_an_update(
        self, wire, contact_url, acme, stands, order_imported
    ):
        stands("Unsubscribed")

        refusal = wire.refused(
            "POST", f"{contact_url}?eventIds={order_imported.pk}", {"emailAddress": ADA}
        )

        assert refusal == (
            400,
            "ERROR_UPDATE_UNSUBSCRIBE_WITH_EVENTS",
            "Events may not be raised when updating a contact that is unsubscribed.",
        )
        with in_account(acme.pk):
            assert not Event.objects.exists()

    def test_come_back_with_their_events(self, wire, contact_url, acme, stands, order_imported):
        stands("Unsubscribed")
        url = f"{contact_url}?eventIds={order_imported.pk}&overrideUnsubscribe=true"

        wire.post(url, {"emailAddress": ADA}, status=200)

        with in_account(acme.pk):
            assert Event.objects.count() == 1

    def test_do_not_leave_again(self, wire, contact_url, stands):
        stands("Unsubscribed")
        body = {"emailAddress": ADA, "subscriptionState": "Unsubscribed"}

        assert wire.refused("POST", contact_url, body) == LEFT


class TestSuppressed:
    @pytest.mark.parametrize("reason", ["manual", "erased"])
    def test_are_put_on_no_list(self, wire, contact_url, acme, suppress, reason):
        suppress(reason)

        refusal = wire.refused("POST", contact_url, {"emailAddress": ADA.upper()})

        assert refusal == (400, "ERROR_SUPPRESSED_EMAIL", "The emailAddress has been suppressed.")
        with in_account(acme.pk):
            assert not Subscription.objects.exists()

    def test_are_kept_off_the_list_that_suppresses_them_alone(
        self, wire, contact_url, suppress, acme, foreign, shop
    ):
        suppress(list_=shop)

        assert wire.refused("POST", contact_url, {"emailAddress": ADA})[1] == (
            "ERROR_SUPPRESSED_EMAIL"
        )
        other = wire.post("/email/v1/List", {"listName": "Another"})["resourceId"]
        wire.post(f"/email/v1/List/{other}/Contact", {"emailAddress": ADA})

    def test_do_not_come_back(self, wire, contact_url, acme, stands, suppress):
        stands("Unsubscribed")
        suppress()

        url = f"{contact_url}?overrideUnsubscribe=true"
        refusal = wire.refused("POST", url, {"emailAddress": ADA})

        assert refusal[1] == "ERROR_SUPPRESSED_EMAIL"
        assert state(acme) == "Unsubscribed"

    def test_are_updated_and_leave_where_they_are_subscribed(
        self, wire, contact_url, stands, suppress
    ):
        stands("Subscribed")
        suppress()

        wire.post(contact_url, {"emailAddress": ADA, "externalContactID": "C-1"}, status=200)
        leaving = {"emailAddress": ADA, "subscriptionState": "Unsubscribed"}
        wire.post(contact_url, leaving, status=200)

    def test_take_nobodys_place(self, wire, contact_url, acme, suppress):
        wire.post(contact_url, {"emailAddress": "old@mail.example"})
        suppress()

        url = f"{contact_url}?newEmailAddress={ADA}"
        refusal = wire.refused("POST", url, {"emailAddress": "old@mail.example"})

        assert refusal == (
            400,
            "ERROR_SUPPRESSED_NEW_EMAIL",
            "The newEmailAddress has been suppressed.",
        )
        assert state(acme) == "Subscribed"


class TestPending:
    @pytest.mark.parametrize("query", ["", "?overrideUnsubscribe=true"])
    def test_are_subscribed_by_their_opt_in_alone(self, wire, contact_url, acme, stands, query):
        stands("Pending", subscribed_at=None)
        body = {"emailAddress": ADA, "subscriptionState": "Subscribed"}

        refusal = wire.refused("POST", f"{contact_url}{query}", body)

        assert refusal == (
            400,
            "ERROR_PENDING_EMAIL_ADDRESS",
            "The emailAddress is already pending subscription through double opt-in.",
        )
        wire.post(f"{contact_url}{query}", {"emailAddress": ADA}, status=200)
        assert state(acme) == "Pending"


class TestOverwrite:
    @pytest.mark.parametrize("body", [{}, {"segmentationFieldValues": None}])
    def test_writes_over_nothing_where_nothing_is_given(
        self, wire, contact_url, acme, fields, stands, body
    ):
        stored = {str(fields[0].pk): "Blue", str(fields[1].pk): 41}
        stands("Subscribed", profile=stored)
        url = f"{contact_url}?updateType=Overwrite"

        wire.post(url, {"emailAddress": ADA, **body}, status=200)
        wire.post(url, {"emailAddress": ADA, "segmentationFieldValues": []}, status=200)

        with in_account(acme.pk):
            assert Subscription.objects.get().profile == stored
