"""Erasures under /conductor/v1."""

import pytest

from accounts.models import IntegrationType
from accounts.tenancy import in_account
from contacts.models import Contact
from messaging.models import PhoneSubscription
from tests.api.conftest import connect
from tests.factories import PhoneSubscriptionFactory, SubscriptionFactory

ERASURE = "/conductor/v1/Erasure"
FORGET = "/privacy/v1/Forget"


class TestErasure:
    def test_forgets_whoever_has_the_address(self, wire, acme, shop):
        with in_account(acme.pk):
            SubscriptionFactory(list=shop, contact__email="Grace@mail.example")
            ann = SubscriptionFactory.create(list=shop).contact

        made = wire.post(ERASURE, {"emailAddress": " grace@MAIL.example"})["resourceId"]

        shown = wire.get(f"{ERASURE}/{made}")
        assert shown["contacts"] == 1
        assert shown["erasedDate"] == shown["requestedDate"]
        with in_account(acme.pk):
            assert Contact.objects.get() == ann

    def test_forgets_a_number_without_a_contact(self, wire, acme, shop):
        with in_account(acme.pk):
            PhoneSubscriptionFactory(
                phone_list__short_code__email_list=shop, phone_e164="+12125550143", contact=None
            )

        made = wire.post(ERASURE, {"phoneNumber": "(212) 555-0143"})["resourceId"]

        assert wire.get(f"{ERASURE}/{made}")["contacts"] == 0
        with in_account(acme.pk):
            assert not PhoneSubscription.objects.exists()

    @pytest.mark.parametrize(
        ("body", "parameter"),
        [
            ({}, "emailAddress"),
            ({"emailAddress": "nobody"}, "emailAddress"),
            ({"phoneNumber": "12"}, "phoneNumber"),
        ],
    )
    def test_wants_an_address_or_a_number(self, wire, body, parameter):
        assert wire.refused("POST", ERASURE, body) == (
            400,
            "ERROR_INVALID_PARAMETER",
            f"An invalid value was supplied for {parameter}.",
        )

    def test_is_not_known_to_another_account(self, wire, globex, now):
        made = wire.post(ERASURE, {"emailAddress": "nobody@mail.example"})["resourceId"]
        stranger = connect(globex, now, types=[IntegrationType.EMAIL])

        assert stranger.call("GET", f"{ERASURE}/{made}").status_code == 404

    def test_wants_the_level_contact(self, acme, now):
        weak = connect(acme, now, types=[IntegrationType.EMAIL], levels=["Event"])

        assert weak.call("POST", ERASURE, {"emailAddress": "a@b.example"}).status_code == 401


class TestForget:
    def test_is_asked_twenty_times_in_ten_seconds(self, wire, globex, now, time_machine):
        time_machine.move_to(now, tick=False)
        other = connect(globex, now, types=[IntegrationType.PRIVACY])
        body = {"emailAddress": "nobody@mail.example"}

        answers = [wire.call("POST", FORGET, body) for _ in range(21)]

        assert [answer.status_code for answer in answers] == [201] * 20 + [429]
        assert answers[-1].headers["Retry-After"] == "11"
        assert other.call("POST", FORGET, body).status_code == 201

    def test_counts_nobody_who_is_not_let_in(self, wire, acme, now):
        weak = connect(acme, now, types=[IntegrationType.EMAIL])
        for _ in range(21):
            assert weak.call("POST", FORGET, {}).status_code == 401

        assert wire.call("POST", FORGET, {"emailAddress": "a@b.example"}).status_code == 201
