"""Messages sent one by one, and texts; who may not get them, and sending them once more."""

import re
from html import unescape

import pytest

from accounts.tenancy import in_account
from contacts.models import Contact, Subscription
from messaging import tokens
from messaging.actions.provider_events import ProviderEvent, record_provider_events
from messaging.actions.suppressions import suppress
from messaging.models import Delivery, Receipt, SandboxMessage, SavedMessage, Suppression
from tests.api.test_broadcasts import reached, send_all
from tests.factories import (
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)


@pytest.fixture
def field(acme, shop):
    with in_account(acme.pk):
        return ProfileFieldFactory.create(group__list=shop, group__name="Order", name="Number")


@pytest.fixture
def message(acme, shop, field):
    with in_account(acme.pk):
        return SavedMessageFactory.create(
            list=shop, name="Thanks", html="<p>Order {{ fields['Order.Number'] }}</p>"
        )


@pytest.fixture
def url(shop, message):
    return f"/email/v1/List/{shop.pk}/TransactionalMessage/{message.pk}"


def order(field, address="new@mail.example", number="4711"):
    return {
        "emailAddress": address,
        "segmentationFieldValues": [{"segmentationFieldId": field.pk, "value": number}],
    }


class TestTransactionalMessage:
    def test_goes_to_whoever_is_named_with_values_of_its_own(self, wire, url, acme, field):
        assert wire.post(f"{url}/Message", order(field))["resourceId"] == "null"

        send_all(acme)

        with in_account(acme.pk):
            message = SandboxMessage.objects.get()
            assert (message.address, message.html.count("Order 4711")) == ("new@mail.example", 1)
            assert Contact.objects.filter(email_norm="new@mail.example").exists()
            assert not Subscription.objects.exists()
            assert b"List-Unsubscribe" not in message.mime

    def test_leaves_the_profile_as_it_is(self, wire, url, acme, shop, field):
        with in_account(acme.pk):
            grace = SubscriptionFactory.create(
                list=shop, contact__email="grace@mail.example", profile={str(field.pk): "1"}
            )

        wire.post(f"{url}/Message", order(field, "grace@mail.example"))
        wire.post(f"{url}/Message", {"emailAddress": "grace@mail.example"})
        send_all(acme)

        with in_account(acme.pk):
            grace.refresh_from_db()
            assert grace.profile == {str(field.pk): "1"}
            bodies = SandboxMessage.objects.order_by("pk").values_list("html", flat=True)
            assert ["4711" in body for body in bodies] == [True, False]

    def test_goes_to_who_has_left_but_to_no_suppressed_address(
        self, wire, url, acme, shop, field, now
    ):
        with in_account(acme.pk):
            SubscriptionFactory.create(
                list=shop, contact__email="left@mail.example", state="Unsubscribed"
            )
            suppress(
                channel="email", addresses=["dead@mail.example"], reason="hard bounce", now=now
            )

        for name in ("left", "dead"):
            wire.post(f"{url}/Message", order(field, f"{name}@mail.example"))
        send_all(acme)

        assert reached(acme) == ["left@mail.example"]
        with in_account(acme.pk):
            dead = Delivery.objects.get(address="dead@mail.example")
            assert (dead.state, dead.reason) == ("skipped", "suppressed")

    def test_refuses_a_field_twice_an_unknown_one_and_no_address(self, wire, url, field):
        body = order(field)
        body["segmentationFieldValues"] *= 2

        twice = wire.refused("POST", f"{url}/Message", body)
        unknown = {"segmentationFieldId": 999999, "value": "x"}
        strange = {"emailAddress": "a@b.example", "segmentationFieldValues": [unknown]}

        assert twice[:2] == (400, "ERROR_SEGMENTATION_FIELD_DEFINED_TWICE")
        assert wire.refused("POST", f"{url}/Message", strange)[2] == (
            "An invalid value was supplied for segmentationFieldId."
        )
        assert wire.refused("POST", f"{url}/Message", {"emailAddress": "nobody"})[2] == (
            "An invalid value was supplied for emailAddress."
        )

    def test_is_told_of_and_sent_once_more(self, wire, url, acme, field):
        assert wire.get(f"{url}/Activity") == []
        wire.post(f"{url}/Message", order(field))
        send_all(acme)
        (row,) = wire.get(f"{url}/Activity")
        assert (row["emailAddress"], row["open"]) == ("new@mail.example", False)

        again = f"{url}/Resend/{row['resendKey']}"
        wire.post(again)
        wire.post(f"{again}?forwardAddress=friend@mail.example")
        send_all(acme)

        assert reached(acme) == ["friend@mail.example", "new@mail.example", "new@mail.example"]
        with in_account(acme.pk):
            assert all("4711" in row.html for row in SandboxMessage.objects.all())
        for key in ("nonsense", "00000000-0000-0000-0000-000000000001"):
            assert wire.refused("POST", f"{url}/Resend/{key}")[0] == 404

    def test_that_is_sent_on_is_nobodys(self, wire, acme, url, message, now):
        with in_account(acme.pk):
            html = (
                '<a href="https://shop.example/">Shop</a> <a href="{{ preferences_url }}">P</a>'
                ' <a href="{{ browser_url }}">B</a> <a href="{{ event.x }}">X</a>'
            )
            SavedMessage.objects.filter(pk=message.pk).update(html=html)
        wire.post(f"{url}/Message", {"emailAddress": "new@mail.example"})
        send_all(acme)
        (row,) = wire.get(f"{url}/Activity")

        wire.post(f"{url}/Resend/{row['resendKey']}?forwardAddress=friend@mail.example")
        wire.post(f"{url}/Resend/{row['resendKey']}?forwardAddress=New@mail.example")
        send_all(acme)

        with in_account(acme.pk):
            names = {}
            for sent in SandboxMessage.objects.order_by("pk"):
                found = re.findall(r"/(?:t/c|t/o|m/p|m/b)/([\w-]+)", unescape(sent.html))
                read = [
                    tokens.read(kind, token)
                    for token in found
                    for kind in ("click", "open", "preferences", "browser")
                ]
                names[sent.delivery_id] = {one.numbers[0] for one in read if one}
                assert len(found) == 4
            first, forward, again = sorted(names)
            assert names == {first: {first}, forward: {0}, again: {again}}
            token = tokens.sign("delivery", acme.pk, forward)
            told = {"opened": {}, "bounced": {"bounce": "hard"}}
            for kind, detail in told.items():
                event = ProviderEvent("smtp", kind, kind, now, detail={**detail, "delivery": token})
                record_provider_events([event], now=now)
            receipts = list(Receipt.objects.values_list("kind", "contact_id").order_by("kind"))
            assert receipts == [("bounced", None), ("opened", None)]
            assert not Suppression.objects.exists()

    def test_is_listed(self, wire, url, message):
        (shown,) = wire.get(url.rpartition("/")[0])
        assert shown == wire.get(url)
        assert (shown["transactionalMessageName"], shown["campaignId"]) == ("Thanks", 0)


class TestText:
    @pytest.fixture
    def phone_list(self, acme, shop):
        with in_account(acme.pk):
            return PhoneListFactory.create(short_code__email_list=shop)

    def test_goes_to_a_number_that_agreed(self, wire, acme, phone_list):
        with in_account(acme.pk):
            PhoneSubscriptionFactory.create(phone_list=phone_list, phone_e164="+12125550101")
            message = SmsMessageFactory.create(phone_list=phone_list, text="Shipped")
        code, number = phone_list.short_code_id, {"phoneNumber": "12125550101"}
        url = (
            f"/sms/v1/ShortCode/{code}/PhoneList/{phone_list.pk}"
            f"/TransactionalMessage/{message.pk}/Message"
        )

        wire.post(url, number)
        wire.post(url, {**number, "messageContent": "It is there"})
        send_all(acme)

        with in_account(acme.pk):
            texts = SandboxMessage.objects.order_by("pk").values_list("text", flat=True)
            assert list(texts) == ["Shipped", "It is there"]
        refusal = wire.refused("POST", url, {"phoneNumber": "12125550102"})
        assert refusal[1] == "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED"
        assert wire.refused("POST", url, {"phoneNumber": "1"})[1] == "ERROR_INVALID_PHONE_NUMBER"


class TestSmsBroadcast:
    def test_texts_who_agreed_and_has_the_box_checked(self, wire, acme, shop):
        with in_account(acme.pk):
            box = ProfileFieldFactory.create(group__list=shop, data_type="CheckBox")
            phone_list = PhoneListFactory.create(short_code__email_list=shop)
            for number, state, value in (
                ("+12125550101", "Subscribed", "on"),
                ("+12125550102", "Subscribed", "off"),
                ("+12125550103", "Unsubscribed", "on"),
            ):
                person = SubscriptionFactory.create(list=shop, profile={str(box.pk): value})
                PhoneSubscriptionFactory.create(
                    phone_list=phone_list, phone_e164=number, state=state, contact=person.contact
                )
            PhoneSubscriptionFactory.create(phone_list=phone_list, phone_e164="+12125550104")
        url = f"/sms/v1/ShortCode/{phone_list.short_code_id}/Broadcast/Immediate"
        body = {"phoneListId": phone_list.pk, "messageContent": "10% off", "messageTitle": "Sale"}

        wire.post(url, {**body, "segmentationFieldId": str(box.pk)})
        send_all(acme)
        assert reached(acme) == ["+12125550101"]

        wire.post(url, body)
        send_all(acme)
        everybody = ["+12125550101", "+12125550101", "+12125550102", "+12125550104"]
        assert reached(acme) == everybody
        assert wire.refused("POST", url, {**body, "phoneListId": 9})[1] == "ERROR_INVALID_LIST_ID"
