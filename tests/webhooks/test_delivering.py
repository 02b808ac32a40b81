"""What happened arrives, signed, at least once, whatever breaks."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from conductor.webhooks import actions
from conductor.webhooks.delivering import GONE, claim
from conductor.webhooks.models import Call, Happening, Pending
from conductor.webhooks.upkeep import forget_old
from contacts.actions.erasure import erase
from contacts.actions.leaving import unsubscribe_many
from contacts.actions.subscriptions import subscribe, unsubscribe
from contacts.models import Contact
from messaging.actions.receipts import CameBack, tell_of_deliveries, write_receipts
from tests.engine.other_side import Script, answer
from tests.factories import DeliveryFactory


def events(heard):
    """Return the events of requests in their order."""
    return [event for one in heard for event in json.loads(one.body)["events"]]


def verified(one, secret):
    """Say whether a request is signed with a secret."""
    at, signature = (
        part.partition("=")[2] for part in one.headers["Conductor-Signature"].split(",")
    )
    expected = hmac.new(secret.encode(), f"{at}.".encode() + one.body, hashlib.sha256)
    return hmac.compare_digest(expected.hexdigest(), signature)


@pytest.fixture
def joined(world):
    """Somebody new on the list."""

    def join(email="ann@mail.example"):
        return subscribe(list=world.in_list, email=email, now=world.now, method="api")

    return join


class TestDelivering:
    def test_two_endpoints_of_which_one_fails(self, world, shop, listen, deliverer, joined):
        good, bad = listen("/good"), listen("/bad")
        shop.behaviours["/bad"] = Script([answer(503, b"later"), answer(200)])
        joined()

        deliverer.make_all()

        assert [one.path for one in sorted(shop.heard, key=lambda one: one.path)] == [
            "/bad",
            "/good",
        ]
        for one in shop.heard:
            secret = good.secret if one.path == "/good" else bad.secret
            other = bad.secret if one.path == "/good" else good.secret
            assert verified(one, secret)
            assert not verified(one, other)
        (event,) = events([shop.heard[0]])
        assert event["type"] == "subscribed"
        assert event["contact"]["emailAddress"] == "ann@mail.example"
        assert event["list"] == {"listId": world.in_list.pk, "listName": "Store Customers"}
        log = {call.endpoint_id: call for call in Call.objects.all()}
        assert (log[good.endpoint.pk].state, log[good.endpoint.pk].status) == ("done", 200)
        failed = log[bad.endpoint.pk]
        assert (failed.state, failed.status, failed.response) == ("queued", 503, "later")
        assert failed.next_at == world.now + timedelta(seconds=30)

        world.now += timedelta(seconds=31)
        deliverer.make_all()

        first, again = [one for one in shop.heard if one.path == "/bad"]
        assert first.body == again.body
        assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
        failed.refresh_from_db()
        assert (failed.state, failed.attempts, failed.status) == ("done", 2, 200)

    def test_gives_up_after_a_day_of_longer_and_longer_pauses(
        self, world, shop, listen, deliverer, joined
    ):
        listen()
        shop.behaviours["/"] = answer(500)
        began = world.now
        joined()

        pauses = []
        for _ in range(6):
            deliverer.make_all()
            call = Call.objects.get()
            pauses.append((call.next_at - world.now).total_seconds())
            world.now = call.next_at
        world.now = began + timedelta(hours=24, minutes=-1)
        deliverer.make_all()
        last = Call.objects.get().next_at
        world.now = last
        deliverer.make_all()

        assert pauses == [30, 60, 120, 240, 480, 900]
        assert last == began + timedelta(hours=24)
        call = Call.objects.get()
        assert (call.state, call.attempts, call.ended_at) == ("failed", 8, last)

    def test_what_its_deliverer_died_with_is_told_again(
        self, world, shop, listen, deliverer, joined, acme
    ):
        listen()
        joined()
        claim(acme.pk, now=world.now, most=10)

        deliverer.make_all()
        assert shop.heard == []
        world.now += timedelta(minutes=3)
        deliverer.make_all()

        assert [event["type"] for event in events(shop.heard)] == ["subscribed"]
        assert Call.objects.get().attempts == 2

    def test_an_outcome_that_comes_too_late_changes_nothing(
        self, world, shop, listen, deliverer, joined
    ):
        listen()
        joined()
        deliverer.start_due()
        (future,) = deliverer.under_way
        future.result(120)
        Call.objects.update(attempts=2, state="calling")

        deliverer.write_down()

        assert Call.objects.get().state == "calling"

    def test_one_that_does_not_answer_costs_a_few_calls(
        self, world, shop, listen, deliverer, joined
    ):
        listen(batch_size=1)
        shop.behaviours["/"] = answer(500)
        for number in range(9):
            joined(f"{number}@mail.example")

        deliverer.make_all()

        assert (len(shop.heard), Pending.objects.count()) == (4, 5)

    def test_tells_in_batches_in_order(self, world, shop, listen, deliverer, joined):
        listen(batch_size=2)
        for number in range(3):
            joined(f"{number}@mail.example")

        deliverer.make_all()

        bodies = sorted(len(json.loads(one.body)["events"]) for one in shop.heard)
        told = sorted(int(event["cursor"]) for event in events(shop.heard))
        assert bodies == [1, 2]
        assert told == sorted(Happening.objects.values_list("pk", flat=True))

    def test_nothing_goes_to_a_private_network(self, world, shop, listen, deliverer, joined):
        made = listen().endpoint
        made.url = "http://inner.example/"
        made.save()
        joined()

        deliverer.make_all()

        call = Call.objects.get()
        assert (call.state, call.status) == ("queued", None)
        assert call.error == "not called: the address is not on the public internet"

    def test_a_paused_one_hears_later_what_it_missed(self, world, shop, listen, deliverer, joined):
        made = listen().endpoint
        actions.pause_endpoint(endpoint=made, now=world.now)
        joined()
        deliverer.make_all()
        assert shop.heard == []

        actions.resume_endpoint(endpoint=made, now=world.now)
        deliverer.make_all()

        assert [event["type"] for event in events(shop.heard)] == ["subscribed"]

    def test_is_told_again_from_a_cursor_with_the_same_ids(
        self, world, shop, listen, deliverer, joined
    ):
        made = listen().endpoint
        joined("ann@mail.example")
        joined("bob@mail.example")
        deliverer.make_all()
        first, second = events(shop.heard)
        shop.heard.clear()

        count = actions.replay(endpoint=made, after=int(first["cursor"]), now=world.now)
        deliverer.make_all()

        assert count == 1
        assert events(shop.heard) == [second]

    def test_a_replay_brings_what_was_committed_late(self, world, shop, listen, deliverer, joined):
        made = listen().endpoint
        joined("late@mail.example")
        joined("bob@mail.example")
        early, later = Pending.objects.order_by("happening_id")
        Pending.objects.filter(pk=early.pk).delete()
        deliverer.make_all()
        Pending.objects.create(endpoint_id=made.pk, happening_id=early.happening_id)
        world.now += timedelta(seconds=1)
        deliverer.make_all()
        shop.heard.clear()

        actions.replay(endpoint=made, after=later.happening_id, now=world.now)
        deliverer.make_all()

        assert [event["cursor"] for event in events(shop.heard)] == [str(early.happening_id)]


class TestNoting:
    def test_writes_nothing_where_nobody_listens(self, world, listen, joined):
        listen(kinds=["clicked"])

        joined()

        assert (Happening.objects.count(), Pending.objects.count()) == (0, 0)

    def test_only_of_the_lists_that_are_asked_for(self, world, listen, joined):
        listen(lists=[world.in_list.pk])
        joined()
        actions.create_endpoint(
            name="None", url="https://shop.example/", kinds=["subscribed"], now=world.now
        )
        other = listen(kinds=["clicked"]).endpoint

        joined("bob@mail.example")

        assert not Pending.objects.filter(endpoint_id=other.pk).exists()
        assert Pending.objects.count() == 3

    def test_of_subscriptions(self, world, listen, joined):
        listen()
        joined()
        unsubscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="page")
        person = world.person()
        unsubscribe_many(wanted=[(None, person.contact_id)], method="complaint", now=world.now)

        told = [(one.kind, one.detail) for one in Happening.objects.order_by("pk")]

        assert told == [
            ("subscribed", {"method": "api"}),
            ("unsubscribed", {"method": "page"}),
            ("unsubscribed", {"method": "complaint"}),
        ]

    def test_of_deliveries_and_what_comes_back(self, world, listen, shop, deliverer):
        listen()
        person = world.person(email="ann@mail.example")
        sent, test = (
            DeliveryFactory(
                list=world.in_list,
                contact=person.contact,
                state="sent",
                sent_at=world.now,
                is_test=is_test,
            )
            for is_test in (False, True)
        )

        tell_of_deliveries(ids=[sent.pk, test.pk], now=world.now)
        write_receipts(
            [
                CameBack(one.pk, kind, world.now, {"url": "https://shop.example/"})
                for one in (sent, test)
                for kind in ("opened", "clicked", "bounced", "prefetched")
            ],
            now=world.now,
        )
        deliverer.make_all()

        told = events(shop.heard)
        details = {event["type"]: event["detail"] for event in told}
        assert told[0]["type"] == "sent"
        # What was noted at once comes in any order.
        assert len(told) == 4
        assert details.keys() == {"sent", "opened", "clicked", "bounced"}
        assert {event["message"]["deliveryId"] for event in told} == {sent.pk}
        assert details["clicked"] == {"url": "https://shop.example/"}


class TestSegment:
    def test_gets_identify_and_track(self, world, shop, listen, deliverer, joined, acme):
        listen(format="segment")
        joined()
        unsubscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="page")
        contact = Contact.objects.get(email_norm="ann@mail.example")
        sent = DeliveryFactory(list=world.in_list, contact=contact, state="sent", sent_at=world.now)
        tell_of_deliveries(ids=[sent.pk], now=world.now)

        deliverer.make_all()

        (heard,) = shop.heard
        on, off, left, mailed = json.loads(heard.body)["batch"]
        trait = f"listrak_list_{world.in_list.pk}"
        assert (on["type"], on["anonymousId"]) == ("identify", "ann@mail.example")
        assert on["traits"] == {"email": "ann@mail.example", trait: True}
        assert off["traits"][trait] is None
        assert (left["event"], left["properties"]["unsubscribe_type"]) == ("Unsubscribed", "page")
        assert (mailed["event"], mailed["properties"]["list_name"]) == (
            "Email Sent",
            "Store Customers",
        )
        assert "userId" not in mailed
        assert mailed["context"]["traits"] == {"email": "ann@mail.example"}
        ids = [call["messageId"] for call in (on, off, left, mailed)]
        assert len({*ids}) == 4


class TestUpkeep:
    def test_forgets_after_30_days_what_nobody_waits_for(
        self, world, shop, listen, deliverer, joined
    ):
        listen("/told")
        paused = listen("/paused", kinds=["unsubscribed"]).endpoint
        actions.pause_endpoint(endpoint=paused, now=world.now)
        joined()
        unsubscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="page")
        deliverer.make_all()

        forget_old(world.now + timedelta(days=31))

        # What a paused one is still to be told stays.
        assert [one.kind for one in Happening.objects.all()] == ["unsubscribed"]
        assert not Call.objects.exists()

    def test_forgets_people_and_what_was_answered_of_them(
        self, world, shop, listen, deliverer, joined
    ):
        listen()
        paused = listen("/paused").endpoint
        actions.pause_endpoint(endpoint=paused, now=world.now)
        shop.behaviours["/"] = answer(500, b"who is ann@mail.example?")
        joined()
        deliverer.make_all()
        assert Happening.objects.count() == 1
        contact = Contact.objects.get(email_norm="ann@mail.example")

        erase(contacts=[contact.pk], now=world.now, source="page")
        world.now += timedelta(minutes=1)
        deliverer.make_all()

        call = Call.objects.get()
        assert (call.state, call.response, call.error) == ("failed", "", GONE)
        assert (Happening.objects.count(), Pending.objects.count()) == (0, 0)
        assert len(shop.heard) == 1
