"""What providers tell of deliveries, and whom we write to no more because of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import in_account
from contacts.models import Intake, Listener, Subscription
from messaging import tokens
from messaging.actions.provider_events import (
    ProviderEvent,
    digest,
    forget_notices,
    match_early_notices,
    record_provider_events,
)
from messaging.actions.replies import opt_out_many
from messaging.models import PhoneSubscription, ProviderNotice, Receipt, Suppression
from messaging.models.broadcast import FORWARDED
from tests.factories import (
    DeliveryFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)


@pytest.fixture
def send(inside_acme):
    """Write a delivery to somebody on a list, as a provider has taken it."""

    def sent(in_list=None, person=None, **fields):
        person = person or SubscriptionFactory(list=in_list or ListFactory())
        fields = {"provider": "postmark", "state": "sent", **fields}
        return DeliveryFactory(
            list=person.list, contact=person.contact, subscription_id=person.pk, **fields
        )

    return sent


@pytest.fixture
def told(now):
    """Return an event of a provider about a delivery."""

    def event(about, kind, *, event_id="", at=now, **detail):
        return ProviderEvent(
            provider="postmark",
            event_id=event_id,
            kind=kind,
            occurred_at=at,
            provider_message_id=about.provider_message_id,
            address=about.address,
            detail=detail,
        )

    return event


def standing(delivery):
    """Return how the contact of a delivery stands with its list."""
    return Subscription.objects.get(pk=delivery.subscription_id).state


class TestProviderEvents:
    def test_become_receipts(self, send, told, now):
        opened, clicked = send(provider_message_id="m-1"), send(provider_message_id="m-2")

        news = record_provider_events(
            [
                told(opened, "opened"),
                told(clicked, "clicked", url="https://acme.example/"),
                told(clicked, "delivered"),
            ],
            now=now,
        )

        assert news == 3
        receipts = {
            (one.delivery_id, one.kind, one.detail.get("url")) for one in Receipt.objects.all()
        }
        assert receipts == {
            (opened.pk, "opened", None),
            (clicked.pk, "clicked", "https://acme.example/"),
        }

    def test_change_nothing_when_told_twice(self, send, told, now):
        delivery = send(provider_message_id="m-1")
        event = told(delivery, "opened", event_id="e-1")

        counts = [record_provider_events([event, event], now=now) for _ in range(2)]

        assert counts == [1, 0]
        assert Receipt.objects.count() == 1

    def test_are_the_same_twice_without_an_id_of_their_own(self, send, told, now):
        delivery = send(provider_message_id="m-1")

        record_provider_events([told(delivery, "opened")], now=now)
        again = record_provider_events([told(delivery, "opened")], now=now + timedelta(hours=1))

        assert again == 0

    def test_find_their_delivery_by_our_message_id(self, inside_acme, send, told, now):
        delivery = send()
        ours = f"<{delivery.pk}.{digest(inside_acme.pk, delivery.pk)}@acme.example>"
        forged = f"<{delivery.pk}.{'0' * 16}@acme.example>"

        record_provider_events(
            [
                told(delivery, "opened", message_id=ours),
                told(delivery, "clicked", message_id=forged),
            ],
            now=now,
        )

        assert [one.kind for one in Receipt.objects.all()] == ["opened"]

    def test_find_their_delivery_by_its_token(self, inside_acme, send, told, now):
        delivery = send()
        token = tokens.sign("delivery", inside_acme.pk, delivery.pk)
        of_another = tokens.sign("delivery", inside_acme.pk + 1, delivery.pk)

        record_provider_events(
            [
                told(delivery, "opened", delivery=token),
                told(delivery, "clicked", delivery=of_another),
            ],
            now=now,
        )

        assert [one.kind for one in Receipt.objects.all()] == ["opened"]

    def test_settle_what_was_not_known(self, send, told, now):
        arrived = send(state="unknown", reason="sender died", sent_at=None, provider_message_id="a")
        refused = send(state="unknown", reason="sender died", sent_at=None, provider_message_id="r")
        Listener.objects.create(conversation_id=7, list=arrived.list, role="watch", kind="delivery")

        record_provider_events([told(arrived, "delivered"), told(refused, "rejected")], now=now)

        arrived.refresh_from_db()
        refused.refresh_from_db()
        assert (arrived.state, arrived.reason, arrived.sent_at) == ("sent", "", now)
        assert (refused.state, refused.reason) == ("failed", "provider rejected")
        assert Intake.objects.get().properties["did"] == "sent"

    @pytest.mark.parametrize(
        ("fields", "state"),
        [
            ({"state": "deferred", "reason": "connection lost"}, "sent"),
            ({"state": "queued", "attempts": 1}, "sent"),
            # Put off by the mailbox itself, or never handed over.
            ({"state": "deferred", "reason": "provider rejected (451 later)"}, "deferred"),
            ({"state": "queued", "attempts": 0}, "queued"),
        ],
    )
    def test_spare_who_got_it_a_second_copy(self, send, told, now, fields, state):
        again = send(resend_unknown=True, provider_message_id="a", sent_at=None, **fields)

        record_provider_events([told(again, "delivered")], now=now)

        again.refresh_from_db()
        assert again.state == state

    def test_that_come_before_the_sender_wrote_are_found_later(self, acme, told, now):
        with in_account(acme.pk):
            person = SubscriptionFactory()
            delivery = DeliveryFactory(list=person.list, contact=person.contact, state="sending")
            early = ProviderEvent("postmark", "e-1", "opened", now, provider_message_id="m-1")
            record_provider_events([early], now=now)
            assert not Receipt.objects.exists()
            delivery.state, delivery.provider = "sent", "postmark"
            delivery.provider_message_id = "m-1"
            delivery.save()

        matched = [match_early_notices(now + timedelta(minutes=at)) for at in (1, 2)]

        assert matched == [1, 0]
        with in_account(acme.pk):
            assert Receipt.objects.get().delivery_id == delivery.pk

    def test_are_forgotten_when_nobody_repeats_them(self, acme, now):
        with in_account(acme.pk):
            record_provider_events([ProviderEvent("ses", "e-1", "opened", now)], now=now)

        forget_notices(now + timedelta(days=30))
        with in_account(acme.pk):
            assert ProviderNotice.objects.exists()
        forget_notices(now + timedelta(days=36))

        with in_account(acme.pk):
            assert not ProviderNotice.objects.exists()

    def test_count_no_second_time_when_they_are_forgotten(self, send, told, now):
        delivery = send(provider_message_id="m-1")
        event = told(delivery, "bounced", event_id="e-1", bounce="hard")
        late = told(delivery, "complained", event_id="e-2")

        news = [
            record_provider_events([event], now=now),
            record_provider_events([event], now=now + timedelta(days=29)),
        ]
        ProviderNotice.objects.all().delete()
        news += [
            record_provider_events([late], now=now + timedelta(days=29)),
            record_provider_events([event], now=now + timedelta(days=36)),
        ]

        assert news == [1, 0, 1, 0]
        assert Receipt.objects.filter(kind="bounced").count() == 1

    def test_that_do_not_say_when_end_no_consent_a_second_time(self, send, now):
        phones = PhoneListFactory.create()
        consent = PhoneSubscriptionFactory.create(phone_list=phones)
        text = send(channel="sms", provider="twilio", phone_list=phones, address=consent.phone_e164)

        def undelivered(at):
            event = ProviderEvent("twilio", "SM1:undelivered", "bounced", at, delivery_id=text.pk)
            return replace(event, detail={"bounce": "hard"})

        record_provider_events([undelivered(now)], now=now)
        consent.refresh_from_db()
        ended = consent.state
        ProviderNotice.objects.all().delete()
        PhoneSubscription.objects.update(state="Subscribed", opt_out_reason="")
        later = now + timedelta(days=36)
        record_provider_events([undelivered(later)], now=later)

        consent.refresh_from_db()
        assert (ended, consent.state) == ("Unsubscribed", "Subscribed")
        assert Receipt.objects.filter(kind="bounced").count() == 1

    def test_of_another_account_find_nothing(self, globex, acme, now):
        with in_account(acme.pk):
            DeliveryFactory(provider="postmark", provider_message_id="m-1")

        with in_account(globex.pk):
            record_provider_events(
                [ProviderEvent("postmark", "e", "opened", now, provider_message_id="m-1")], now=now
            )

            assert ProviderNotice.objects.get().delivery_id is None

    def test_keep_no_address(self, send, told, now):
        delivery = send(provider_message_id="m-1")

        record_provider_events(
            [told(delivery, "bounced", reason=f"550 no {delivery.address} here")], now=now
        )

        assert Receipt.objects.get().detail == {"reason": "550 no … here"}

    def test_take_as_many_statements_for_many_as_for_one(
        self, send, told, now, django_assert_max_num_queries
    ):
        in_list = ListFactory()
        many = [send(in_list, provider_message_id=f"m-{n}") for n in range(40)]

        with django_assert_max_num_queries(20):
            record_provider_events([told(one, "bounced", bounce="hard") for one in many], now=now)

        assert {standing(one) for one in many} == {"Unsubscribed"}


class TestBounce:
    @pytest.mark.parametrize(
        ("handling", "here", "elsewhere", "suppressed"),
        [
            ("None", "Subscribed", "Subscribed", []),
            ("Standard", "Unsubscribed", "Subscribed", ["here"]),
            ("Aggressive", "Unsubscribed", "Unsubscribed", ["everywhere"]),
        ],
    )
    def test_does_what_the_list_says(self, send, told, now, handling, here, elsewhere, suppressed):
        delivery = send(ListFactory(bounce_handling=handling), provider_message_id="m-1")
        other = SubscriptionFactory(contact=delivery.contact)

        record_provider_events([told(delivery, "bounced", bounce="hard")], now=now)

        assert (standing(delivery), Subscription.objects.get(pk=other.pk).state) == (
            here,
            elsewhere,
        )
        kept = [
            "everywhere" if one.list_id is None else "here" for one in Suppression.objects.all()
        ]
        assert kept == suppressed
        assert all(one.reason == "hard bounce" for one in Suppression.objects.all())

    def test_that_is_soft_counts_until_there_are_enough(self, send, told, now):
        person = SubscriptionFactory(list=ListFactory(bounce_unsubscribe_count=3))
        states = []

        for day in range(3):
            at = now + timedelta(days=day)
            delivery = send(person=person, provider_message_id=f"m-{day}")
            record_provider_events([told(delivery, "bounced", bounce="soft", at=at)], now=at)
            states.append(standing(delivery))

        assert states == ["Subscribed", "Subscribed", "Unsubscribed"]
        assert Suppression.objects.get().reason == "soft bounces"

    def test_that_is_soft_counts_anew_after_an_open(self, send, told, now):
        person = SubscriptionFactory(list=ListFactory(bounce_unsubscribe_count=2))

        deliveries = [send(person=person, provider_message_id=f"m-{day}") for day in range(3)]
        for day, kind in enumerate(["bounced", "opened", "bounced"]):
            at = now + timedelta(days=day)
            record_provider_events([told(deliveries[day], kind, at=at, bounce="soft")], now=at)

        assert standing(deliveries[-1]) == "Subscribed"

    def test_that_is_soft_counts_anew_after_one_arrived(self, send, told, now):
        person = SubscriptionFactory(list=ListFactory(bounce_unsubscribe_count=2))
        deliveries = [send(person=person, provider_message_id=f"m-{day}") for day in range(3)]
        for day, kind in enumerate(["bounced", "delivered", "bounced"]):
            at = now + timedelta(days=day)
            record_provider_events([told(deliveries[day], kind, at=at, bounce="soft")], now=at)

        assert standing(deliveries[-1]) == "Subscribed"

    def test_that_is_soft_counts_though_a_server_had_taken_it(self, send, told, now):
        person = SubscriptionFactory(list=ListFactory(bounce_unsubscribe_count=2))
        deliveries = [send(person=person, provider_message_id=f"m-{day}") for day in range(2)]
        for day, one in enumerate(deliveries):
            at = now + timedelta(days=day)
            record_provider_events([told(one, "delivered", at=at)], now=at)
            record_provider_events(
                [told(one, "bounced", at=at + timedelta(minutes=1), bounce="soft")],
                now=at + timedelta(minutes=1),
            )

        assert standing(deliveries[-1]) == "Unsubscribed"

    def test_of_a_test_stops_nobody(self, send, told, now):
        delivery = send(is_test=True, provider_message_id="m-1")

        record_provider_events([told(delivery, "bounced", bounce="hard")], now=now)

        assert standing(delivery) == "Subscribed"
        assert not Suppression.objects.exists()

    def test_tells_who_listens(self, send, told, now):
        delivery = send(provider_message_id="m-1")
        for kind in ("bounced", "receipt", "unsubscribed"):
            Listener.objects.create(conversation_id=7, list=delivery.list, role="watch", kind=kind)

        record_provider_events([told(delivery, "bounced", bounce="hard")], now=now)

        assert sorted(one.method for one in Intake.objects.all()) == [
            "bounced",
            "receipt",
            "unsubscribed",
        ]


class TestComplaint:
    def test_ends_everything_whatever_the_list_says(self, send, told, now):
        delivery = send(ListFactory(bounce_handling="None"), provider_message_id="m-1")
        other = SubscriptionFactory(contact=delivery.contact)

        record_provider_events([told(delivery, "complained")], now=now)

        other.refresh_from_db()
        assert (standing(delivery), other.state) == ("Unsubscribed", "Unsubscribed")
        kept = Suppression.objects.get()
        assert (kept.list_id, kept.reason, kept.address) == (None, "complaint", delivery.address)

    def test_about_a_copy_that_was_sent_on_is_its_readers_own(self, send, told, now):
        copy = send(
            provider_message_id="m-1",
            address="friend@mail.example",
            event_properties={FORWARDED: True},
        )

        record_provider_events([told(copy, "complained")], now=now)

        assert standing(copy) == "Subscribed"
        kept = Suppression.objects.get()
        assert (kept.list_id, kept.reason, kept.address) == (
            None,
            "complaint",
            "friend@mail.example",
        )


class TestDeparture:
    def test_by_the_provider_ends_the_subscription_of_that_list(self, send, told, now):
        delivery = send(provider_message_id="m-1")
        other = SubscriptionFactory(contact=delivery.contact)

        record_provider_events([told(delivery, "unsubscribed")], now=now)

        other.refresh_from_db()
        assert (standing(delivery), other.state) == ("Unsubscribed", "Subscribed")
        assert Receipt.objects.get().kind == "unsubscribed"


class TestStopped:
    def test_ends_all_lists_of_the_code_by_as_many_statements_for_many(self, inside_acme, now):
        code = ShortCodeFactory.create()
        one, other = PhoneListFactory.create_batch(2, short_code=code)
        elsewhere = PhoneListFactory.create()
        few, many = (
            [f"+1212555{first + number:04}" for number in range(size)]
            for first, size in ((100, 1), (200, 6))
        )
        for phone in (*few, *many):
            for phones in (one, elsewhere):
                PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=phone)

        asked = []
        for phones in (few, many):
            with CaptureQueriesContext(connections["default"]) as queries:
                assert opt_out_many(short_code=code, phones=phones, now=now) == len(phones)
            asked.append(len(queries))

        assert asked[0] == asked[1]
        for phones, state in (
            (one, "Unsubscribed"),
            (other, "Unsubscribed"),
            (elsewhere, "Subscribed"),
        ):
            rows = PhoneSubscription.objects.filter(phone_list=phones)
            assert {row.state for row in rows} == {state}
            assert rows.count() == 7
