"""Consents to phone lists are told of: whole ones, and those that end."""

import json

import pytest

from conductor.webhooks import actions
from conductor.webhooks.models import Happening, Pending
from contacts.actions.erasure import erase
from messaging.actions import Consent, subscribe_phone, subscribe_phones, take_inbound
from messaging.actions.phones import deactivate_phones
from tests.factories import ContactFactory, ListFactory, PhoneListFactory

PHONE, OTHER = "+12125550123", "+12125550124"


@pytest.fixture
def phones(world):
    """A phone list of the world's list."""
    return PhoneListFactory(
        short_code__email_list=world.in_list, short_code__code="60700", name="Texts"
    )


@pytest.fixture
def agreed(world):
    """The proof of a consent."""
    return Consent(source="Checkout", text="I agree to texts.", at=world.now)


def write(phones, text, now):
    """Write from the phone."""
    take_inbound(
        short_code=phones.short_code,
        phone_e164=PHONE,
        text=text,
        provider="test",
        provider_message_id="",
        now=now,
    )


def noted():
    """Return kinds and methods of what was noted, in order."""
    return [(one.kind, one.detail["method"]) for one in Happening.objects.order_by("pk")]


class TestNoting:
    def test_of_who_agrees_stops_and_starts_again(self, world, listen, phones, agreed):
        listen(kinds=["subscribed", "unsubscribed"])

        subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=agreed, now=world.now)
        for text in ("STOP", "STOP", "START"):
            write(phones, text, world.now)

        assert noted() == [
            ("subscribed", "Checkout"),
            ("unsubscribed", "Campaign"),
            ("subscribed", "text message"),
        ]

    def test_of_a_question_when_it_is_answered(self, world, listen, phones, agreed):
        phones.require_double_opt_in = True
        phones.save()
        listen()

        subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=agreed, now=world.now)
        assert noted() == []
        write(phones, "YES", world.now)

        assert noted() == [("subscribed", "text message")]

    def test_not_of_a_stranger_that_writes_stop(self, world, listen, phones):
        listen()

        write(phones, "STOP", world.now)

        assert noted() == []

    def test_of_files_and_carriers(self, world, listen, phones, agreed):
        listen()

        numbers = [PHONE, OTHER]
        subscribe_phones(
            phone_list=phones,
            phones=numbers,
            contact_ids=[None, None],
            consent=agreed,
            now=world.now,
        )
        deactivate_phones(phones=[OTHER], now=world.now)

        assert noted() == [
            ("subscribed", "Checkout"),
            ("subscribed", "Checkout"),
            ("unsubscribed", "Deactivated"),
        ]

    def test_by_the_list_of_the_short_code(self, world, listen, phones, agreed):
        ours = listen(lists=[world.in_list.pk]).endpoint
        listen("/other", lists=[ListFactory.create().pk])

        subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=agreed, now=world.now)

        assert [one.endpoint_id for one in Pending.objects.all()] == [ours.pk]


class TestTelling:
    def test_names_the_phone_list_and_no_email_list(
        self, world, shop, listen, deliverer, phones, agreed
    ):
        listen()
        subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=agreed, now=world.now)

        deliverer.make_all()

        (event,) = json.loads(shop.heard[0].body)["events"]
        assert event["phoneList"] == {
            "phoneListId": phones.pk,
            "phoneListName": "Texts",
            "shortCode": "60700",
            "phoneNumber": PHONE,
        }
        assert (event["type"], event["detail"]) == ("subscribed", {"method": "Checkout"})
        assert not {"list", "contact"} & {*event}

    def test_speaks_to_segment(self, world, shop, listen, deliverer, phones, agreed):
        listen(format="segment")
        ContactFactory.create(
            email="ann@mail.example", email_norm="ann@mail.example", phone_e164=PHONE
        )
        for number in (PHONE, OTHER):
            subscribe_phone(phone_list=phones, phone_e164=number, consent=agreed, now=world.now)
        write(phones, "STOP", world.now)

        deliverer.make_all()

        on, nobodys, off, left = json.loads(shop.heard[0].body)["batch"]
        trait = f"listrak_phone_list_{phones.pk}"
        assert on["anonymousId"] == off["anonymousId"] == "ann@mail.example"
        assert on["traits"] == {"email": "ann@mail.example", "phone": PHONE, trait: True}
        assert nobodys["anonymousId"] == OTHER
        assert nobodys["traits"] == {"phone": OTHER, trait: True}
        assert off["traits"][trait] is None
        assert left["event"] == "Unsubscribed"
        assert left["properties"] == {
            "phone_list_id": phones.pk,
            "phone_list_name": "Texts",
            "unsubscribe_type": "Campaign",
        }

    def test_forgets_a_number_that_was_no_contact_s(
        self, world, shop, listen, deliverer, phones, agreed
    ):
        paused = listen().endpoint
        actions.pause_endpoint(endpoint=paused, now=world.now)
        for number in (PHONE, OTHER):
            subscribe_phone(phone_list=phones, phone_e164=number, consent=agreed, now=world.now)

        erase(contacts=[], phones=[PHONE], now=world.now, source="page")
        actions.resume_endpoint(endpoint=paused, now=world.now)
        deliverer.make_all()

        (event,) = json.loads(shop.heard[0].body)["events"]
        assert event["phoneList"]["phoneNumber"] == OTHER
