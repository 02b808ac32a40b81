"""Deliveries: found, explained, page by page."""

import re

import pytest

from accounts.models import AuditEntry
from accounts.tenancy import in_account
from contacts.models import Intake, Listener
from messaging.models import Delivery, Figure
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


class TestSettling:
    """Nobody knows whether they arrived: a marketer says so, or has them sent again."""

    @pytest.fixture
    def unknown(self, acme, shop):
        with in_account(acme.pk):
            return [
                QueuedEmailFactory.create(
                    list=shop["list"],
                    state="unknown",
                    reason="sender died",
                    attempts=3,
                    provider="smtp",
                    conversation_id=number,
                    step_key="mail",
                )
                for number in (7, 7, 8)
            ]

    @pytest.fixture
    def states(self, acme, unknown):
        def read():
            with in_account(acme.pk):
                found = Delivery.objects.in_bulk([one.pk for one in unknown])
                return [found[one.pk].state for one in unknown]

        return read

    def test_offers_it_to_who_may(self, client, mia, ben, page, unknown):
        said = []
        for user in (mia, ben):
            client.force_login(user)
            said.append(client.get(page("deliveries"), {"state": "unknown"}).text)

        assert [text.count('name="delivery"') for text in said] == [3, 0]
        assert ["Send again" in text for text in said] == [True, False]

    def test_what_arrived_is_sent_counted_and_told(
        self, client, acme, mia, page, shop, unknown, states
    ):
        with in_account(acme.pk):
            Listener.objects.create(
                conversation_id=9, list=shop["list"], role="watch", kind="delivery"
            )
        client.force_login(mia)

        answer = client.post(
            page("settle_deliveries"),
            {"how": "arrived", "delivery": [unknown[0].pk, unknown[1].pk]},
        )

        assert answer.status_code == 302
        assert states() == ["sent", "sent", "unknown"]
        with in_account(acme.pk):
            assert Delivery.objects.get(pk=unknown[0].pk).sent_at is not None
            counted = Figure.objects.filter(conversation_id=7, kind="sent")
            assert sum(counted.values_list("number", flat=True)) == 2
            assert Intake.objects.count() == 2
            entry = AuditEntry.objects.get(verb="settled")
            assert (entry.by_user_id, entry.detail["as"], entry.detail["number"]) == (
                mia.pk,
                "arrived",
                2,
            )

    def test_all_that_the_address_narrows_to_are_sent_again(
        self, client, acme, mia, page, unknown, states
    ):
        client.force_login(mia)

        answer = client.post(
            page("settle_deliveries") + "?conversation=7", {"how": "again", "all": "1"}
        )

        assert answer.url.endswith("deliveries/?conversation=7")
        assert states() == ["queued", "queued", "unknown"]
        with in_account(acme.pk):
            again = Delivery.objects.get(pk=unknown[0].pk)
            assert (again.reason, again.attempts) == ("", 0)

    def test_only_what_is_unknown_is_touched(self, client, acme, mia, page, shop, states):
        with in_account(acme.pk):
            others = [
                QueuedEmailFactory.create(list=shop["list"], state=state)
                for state in ("sent", "failed", "skipped", "sending")
            ]
            others.append(QueuedEmailFactory.create(state="unknown"))  # of another list
        client.force_login(mia)

        for how in ("again", "arrived"):
            client.post(
                page("settle_deliveries"), {"how": how, "delivery": [one.pk for one in others]}
            )

        with in_account(acme.pk):
            for one in others:
                before = one.state
                one.refresh_from_db()
                assert one.state == before
            assert not AuditEntry.objects.filter(verb="settled").exists()

    def test_a_viewer_may_not(self, client, ben, page, unknown, states):
        client.force_login(ben)

        answer = client.post(page("settle_deliveries"), {"how": "again", "all": "1"})

        assert answer.status_code == 403
        assert states() == ["unknown"] * 3

    def test_is_not_there_for_a_stranger(self, client, zoe, page, unknown, states):
        client.force_login(zoe)

        answer = client.post(page("settle_deliveries"), {"how": "again", "all": "1"})

        assert answer.status_code == 404
        assert states() == ["unknown"] * 3
