"""Deliveries: found, explained, page by page."""

import re

import pytest

from accounts.tenancy import in_account
from messaging.views import deliveries
from tests.factories import (
    QueuedEmailFactory,
    QueuedTextFactory,
)


class TestDeliveries:
    @pytest.fixture
    def some(self, acme, shop):
        with in_account(acme.pk):
            return [
                QueuedEmailFactory.create(
                    list=shop["list"],
                    state="skipped",
                    reason="suppressed",
                    conversation_id=7,
                    thread="Winback",
                ),
                QueuedTextFactory.create(phone_list=shop["phones"], state="sent"),
                QueuedEmailFactory.create(
                    list=shop["list"], state="failed", reason="provider rejected (550 no)"
                ),
            ]

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ({}, [0, 1, 2]),
            ({"channel": "sms"}, [1]),
            ({"state": "skipped"}, [0]),
            ({"conversation": "7"}, [0]),
            ({"reason": "provider rejected"}, [2]),
            ({"state": "nonsense"}, [0, 1, 2]),
        ],
    )
    def test_are_narrowed_by_the_address(self, client, ben, page, some, query, shown):
        client.force_login(ben)

        text = client.get(page("deliveries"), query).text

        assert [row for row, one in enumerate(some) if one.address in text] == shown

    def test_say_why_in_a_sentence(self, client, ben, page, some):
        client.force_login(ben)

        text = client.get(page("deliveries")).text

        assert "They have unsubscribed" in text
        assert "provider rejected (550 no)" in text

    def test_go_on_by_page(self, client, ben, acme, page, shop):
        with in_account(acme.pk):
            first = QueuedEmailFactory.create(list=shop["list"], address="first@mail.example")
            QueuedEmailFactory.create_batch(50, list=shop["list"], contact=shop["grace"])
        client.force_login(ben)

        answer = client.get(page("deliveries"), {"channel": "email"})
        assert first.address not in answer.text
        following = re.search(r'href="([^"]*before=[^"]*)"', answer.text)
        assert following is not None

        text = client.get(following[1].replace("&amp;", "&")).text
        assert first.address in text
        assert "channel=email" in following[1]

    def test_are_looked_through_so_many_at_a_time(
        self, client, ben, page, some, shop, acme, monkeypatch
    ):
        monkeypatch.setattr(deliveries, "REACH", 2)
        with in_account(acme.pk):
            QueuedEmailFactory.create_batch(2, list=shop["list"])
        client.force_login(ben)

        first = client.get(page("deliveries"), {"channel": "sms"})
        following = re.search(r'href="([^"]*before=[^"]*)"', first.text)
        assert following is not None
        second = client.get(following[1].replace("&amp;", "&"))

        assert "Look further back" in first.text
        assert some[1].address not in first.text
        assert some[1].address in second.text

    def test_of_an_address_that_somebody_has_are_found_however_old(
        self, client, ben, page, shop, acme, monkeypatch
    ):
        monkeypatch.setattr(deliveries, "REACH", 2)
        with in_account(acme.pk):
            old = QueuedEmailFactory.create(list=shop["list"], contact=shop["grace"])
            QueuedEmailFactory.create_batch(4, list=shop["list"])
        client.force_login(ben)

        answer = client.get(page("deliveries"), {"q": old.address.upper()})

        assert [row.pk for row, _ in answer.context["rows"]] == [old.pk]

    def test_are_read_in_few_statements(
        self, client, ben, page, some, django_assert_max_num_queries
    ):
        client.force_login(ben)
        client.get(page("deliveries"))

        with django_assert_max_num_queries(14):
            client.get(page("deliveries"))
