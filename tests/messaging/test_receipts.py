"""What comes back of a delivery, and who is told of it and of what was sent."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from contacts.models import Intake, Listener
from messaging.actions import record_receipts, tell_of_deliveries
from messaging.models import Receipt
from tests.factories import DeliveryFactory, ListFactory, SubscriptionFactory


@pytest.fixture
def shop(inside_acme):
    return ListFactory()


@pytest.fixture
def listen(shop):
    """Let a conversation watch for facts of a kind."""

    def listen_to(kind):
        Listener.objects.create(conversation_id=7, list=shop, role="watch", kind=kind)

    return listen_to


@pytest.fixture
def delivery(shop):
    person = SubscriptionFactory(list=shop)
    return DeliveryFactory(
        list=shop,
        contact=person.contact,
        subscription_id=person.pk,
        conversation_id=7,
        step_key="hello",
        visit_number=2,
    )


class TestReceipt:
    def test_tells_who_listens(self, listen, delivery, now):
        listen("receipt")

        receipt = record_receipts(
            delivery=delivery,
            kind="clicked",
            now=now,
            occurred_at=now - timedelta(minutes=5),
            detail={"url": "https://acme.example"},
        )

        fact = Intake.objects.get()
        assert (fact.kind, fact.method) == ("wake", "receipt")
        assert fact.subscription_id == delivery.subscription_id
        assert (fact.occurred_at, fact.recorded_at) == (now - timedelta(minutes=5), now)
        assert fact.properties == {
            "delivery_id": delivery.pk,
            "channel": "email",
            "conversation_id": 7,
            "enrollment_id": None,
            "step_key": "hello",
            "visit_number": 2,
            "did": "clicked",
            "url": "https://acme.example",
            "receipt_id": receipt.pk,
        }

    def test_is_kept_though_nobody_listens(self, delivery, now):
        record_receipts(delivery=delivery, kind="opened", now=now)

        assert Receipt.objects.get().contact_id == delivery.contact_id
        assert not Intake.objects.exists()

    def test_of_a_test_tells_nobody(self, listen, delivery, now):
        listen("receipt")
        delivery.is_test = True
        delivery.save()

        record_receipts(delivery=delivery, kind="opened", now=now)

        assert not Intake.objects.exists()

    @pytest.mark.parametrize("state", ["queued", "deferred", "skipped"])
    def test_is_refused_of_what_never_left(self, delivery, now, state):
        delivery.state = state

        with pytest.raises(InvalidValueError) as refused:
            record_receipts(delivery=delivery, kind="opened", now=now)

        assert refused.value.field == "delivery"

    def test_is_of_a_known_kind(self, delivery, now):
        with pytest.raises(InvalidValueError) as refused:
            record_receipts(delivery=delivery, kind="liked", now=now)

        assert refused.value.field == "kind"


class TestDelivery:
    def test_is_told_of_once_it_is_over(self, shop, listen, delivery, now):
        listen("delivery")
        others = [
            DeliveryFactory(list=shop, contact=delivery.contact, state=state, **more)
            for state, more in (("sending", {}), ("deferred", {}), ("sent", {"is_test": True}))
        ]
        skipped = DeliveryFactory(list=shop, contact=delivery.contact, state="skipped")

        tell_of_deliveries(ids=[delivery.pk, skipped.pk, *(one.pk for one in others)], now=now)

        facts = list(Intake.objects.order_by("id").values_list("method", "properties__did"))
        assert facts == [("delivery", "sent"), ("delivery", "skipped")]

    def test_costs_nothing_where_nobody_listens(self, listen, delivery, now, statements):
        listen("receipt")
        statements.clear()

        tell_of_deliveries(ids=[delivery.pk], now=now)

        # One question for conversations and segments, one for webhooks.
        assert len(statements) == 2
