"""Double opt-in by email: the question, its link, and what comes of it."""

import html
import re

import pytest

from accounts.models import List
from accounts.tenancy import in_account
from contacts.actions import unsubscribe
from contacts.actions.erasure import erase
from contacts.models import Contact, Subscription
from messaging import actions, tokens
from messaging.models import Delivery, SandboxMessage
from tests.api.test_broadcasts import reached, send_all

ADA = "ada@mail.example"
LINK = re.compile(r"https?://[^/]+(/m/c/[\w-]+)")


@pytest.fixture
def sign_up(wire, shop):
    def post(query="?sendDoubleOptIn=true", status=201, **body):
        url = f"/email/v1/List/{shop.pk}/Contact{query}"
        return wire.post(url, {"emailAddress": ADA, **body}, status=status)

    return post


@pytest.fixture
def link(acme, sign_up):
    """Where Ada confirms, as her email says."""
    sign_up()
    send_all(acme)
    with in_account(acme.pk):
        mail = SandboxMessage.objects.get()
        (found,) = set(LINK.findall(html.unescape(mail.html))) & set(LINK.findall(mail.text))
    return found


def standing(acme):
    with in_account(acme.pk):
        return Subscription.objects.get()


class TestQuestion:
    def test_goes_to_whoever_is_signed_up(self, acme, shop, link):
        with in_account(acme.pk):
            mail = SandboxMessage.objects.get()
            assert (mail.address, mail.subject) == (ADA, "Please confirm your subscription")
            assert f'("{shop.shown_name}")' in mail.text
            assert shop.name not in mail.text
        assert standing(acme).state == "Pending"

    def test_is_asked_once_and_of_nobody_who_is_known(self, acme, sign_up):
        sign_up()
        sign_up(status=200)
        send_all(acme)
        assert reached(acme) == [ADA]

    def test_needs_a_list_that_can_ask(self, wire, acme, shop):
        with in_account(acme.pk):
            List.objects.update(from_email="")
        url = f"/email/v1/List/{shop.pk}/Contact?sendDoubleOptIn=true"

        refused = wire.refused("POST", url, {"emailAddress": ADA})

        assert refused[:2] == (400, "ERROR_INVALID_PARAMETER")
        assert refused[2].endswith("The list has no fromEmail to ask from.")
        with in_account(acme.pk):
            assert not Contact.objects.exists()

    def test_is_not_asked_without_a_word_of_it(self, acme, sign_up):
        sign_up(query="")
        send_all(acme)
        assert reached(acme) == []

    @pytest.mark.parametrize("left_by", ["suppression", "leaving", "confirmation"])
    def test_is_dropped_where_it_is_settled_first(self, acme, shop, now, sign_up, left_by):
        sign_up()
        with in_account(acme.pk):
            if left_by == "suppression":
                actions.suppress(channel="email", addresses=[ADA], reason="manual", now=now)
            elif left_by == "leaving":
                unsubscribe(list=shop, email=ADA, method="Page", now=now)
            else:
                Subscription.objects.update(state="Subscribed")

        send_all(acme)

        assert reached(acme) == []
        with in_account(acme.pk):
            assert Delivery.objects.get().state == "skipped"


class TestConfirmation:
    def test_is_not_done_by_looking(self, client, acme, link):
        text = client.get(link).content.decode()

        assert "Do you want our emails?" in text
        assert ADA not in text
        assert standing(acme).state == "Pending"

    def test_puts_them_on_the_list_once(self, client, acme, link):
        answer = client.post(link, follow=True)
        first = standing(acme)
        client.post(link)

        assert "You are subscribed" in answer.content.decode()
        assert (first.state, first.subscribe_method) == ("Subscribed", "Recipient")
        assert standing(acme).subscribed_at == first.subscribed_at is not None

    def test_brings_nobody_back_who_has_left(self, client, acme, shop, link, now):
        with in_account(acme.pk):
            unsubscribe(list=shop, email=ADA, method="Page", now=now)

        answer = client.post(link, follow=True)

        assert "You are not on our list" in answer.content.decode()
        assert standing(acme).state == "Unsubscribed"

    def test_knows_nobody_who_is_forgotten(self, client, acme, link, now):
        with in_account(acme.pk):
            erase(contacts=[Contact.objects.get().pk], now=now, source="page")

        answer = client.post(link, follow=True)

        assert answer.status_code == 200
        assert ADA not in answer.content.decode()
        with in_account(acme.pk):
            assert not Subscription.objects.exists()

    def test_needs_a_link_of_its_own(self, client, acme, link):
        with in_account(acme.pk):
            delivery = Delivery.objects.get()
        for token in ("x", tokens.sign("unsubscribe", acme.pk, delivery.pk)):
            assert client.post(f"/m/c/{token}").status_code == 404
        assert standing(acme).state == "Pending"
