"""Segment > Source: what Segment's batch address receives."""

import base64
import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.actions import InvalidValueError
from accounts.tenancy import in_account
from conductor.webhooks.actions import create_endpoint, pause_endpoint, replay
from conductor.webhooks.models import Call, Endpoint, Happening, Pending
from conductor.webhooks.segment_source import actions as source_actions
from conductor.webhooks.segment_source.actions import (
    begin_backfill,
    find_source,
    go_on,
    go_on_everywhere,
    save_source,
)
from contacts.actions.segment_calls import is_ours
from contacts.actions.subscriptions import subscribe, unsubscribe
from messaging.actions.receipts import record_receipts
from tests.engine.other_side import Script, answer
from tests.factories import (
    DeliveryFactory,
    ListFactory,
    ProfileFieldFactory,
    SubscriptionFactory,
)

KEY = "segment-write-key-7Q"
PATH = "/v1/batch"


@pytest.fixture
def source(world, shop, names):
    """The account's source, of one list; it calls the other side."""

    def make(**given):
        settings = {
            "write_key": KEY,
            "url": f"http://shop.example:{shop.port}{PATH}",
            "lists": [world.in_list.pk],
            "user_id_fields": {},
            **given,
        }
        return save_source(now=world.now, **settings)

    return make


def calls(shop):
    """Return the calls that Segment received, batch by batch."""
    return [call for one in shop.heard for call in json.loads(one.body)["batch"]]


class TestTelling:
    def test_identifies_whoever_joins_and_leaves(self, world, shop, source, deliverer):
        source()
        trait = f"listrak_list_{world.in_list.pk}"
        email = "ann@mail.example"

        subscribe(list=world.in_list, email=email, now=world.now, method="Page")
        deliverer.make_all()
        unsubscribe(list=world.in_list, email=email, now=world.now, method="Page")
        deliverer.make_all()

        joined, *left = calls(shop)
        assert joined["type"] == "identify"
        assert joined["anonymousId"] == joined["traits"]["email"] == email
        assert joined["traits"][trait] is True
        assert "userId" not in joined
        identified, tracked = sorted(left, key=lambda call: call["type"])
        assert identified["traits"] == {"email": email, trait: None}
        assert (tracked["type"], tracked["event"]) == ("track", "Unsubscribed")
        assert tracked["properties"]["list_id"] == world.in_list.pk
        assert tracked["properties"]["list_name"] == world.in_list.name
        assert tracked["properties"]["unsubscribe_type"] == "Page"
        assert tracked["context"]["traits"] == {"email": email}
        assert "userId" not in tracked
        assert len({call["messageId"] for call in calls(shop)}) == 3

    def test_tracks_what_comes_of_messages(self, world, shop, source, deliverer):
        source()
        person = world.person(email="ann@mail.example")
        sent = DeliveryFactory(
            list=world.in_list, contact=person.contact, address="ann@mail.example", state="sent"
        )

        for kind, detail in (("opened", {}), ("clicked", {"url": "https://shop.example/sale"})):
            record_receipts(delivery=sent, kind=kind, now=world.now, detail=detail)
        deliverer.make_all()

        opened, clicked = calls(shop)
        assert (opened["event"], clicked["event"]) == ("Email Opened", "Email Link Clicked")
        assert clicked["properties"]["link_url"] == "https://shop.example/sale"
        assert clicked["properties"]["list_id"] == world.in_list.pk
        assert clicked["context"]["traits"] == {"email": "ann@mail.example"}
        assert not any("userId" in call for call in (opened, clicked))

    def test_shows_the_write_key(self, world, shop, source, deliverer):
        kept = source()

        subscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="Page")
        deliverer.make_all()

        (heard,) = shop.heard
        assert (heard.method, heard.path) == ("POST", PATH)
        code = heard.headers["Authorization"].removeprefix("Basic ")
        assert base64.b64decode(code).decode() == f"{KEY}:"
        assert KEY not in kept.sealed_authorization
        assert kept.options["hint"] == KEY[-4:]

    def test_tries_again_with_the_same_message_ids(self, world, shop, source, deliverer):
        source()
        shop.behaviours[PATH] = Script([answer(503), answer(200)])
        subscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="Page")

        deliverer.make_all()
        world.now += timedelta(minutes=1)
        deliverer.make_all()

        first, again = calls(shop)
        assert first["messageId"] == again["messageId"]
        assert Call.objects.get().state == "done"

    def test_names_the_user_by_the_list_s_profile_field(self, world, shop, source, deliverer):
        number = ProfileFieldFactory.create(group__list=world.in_list, data_type="Text")
        source(user_id_fields={world.in_list.pk: number.pk})

        for email, profile in (("ann@mail.example", {number.pk: "C-7"}), ("bob@mail.example", {})):
            subscribe(
                list=world.in_list, email=email, profile=profile, now=world.now, method="Page"
            )
        deliverer.make_all()

        assert [call.get("userId") for call in calls(shop)] == ["C-7", None]

    def test_leaves_other_lists_out(self, world, shop, source, deliverer):
        source()

        subscribe(list=ListFactory.create(), email="a@mail.example", now=world.now, method="Page")
        deliverer.make_all()

        assert calls(shop) == []

    def test_is_refused_where_it_comes_back(self, world, shop, source, deliverer):
        source()
        subscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="Page")

        deliverer.make_all()

        assert all(is_ours(call) for call in calls(shop))

    def test_keeps_the_order_of_one_who_joins_and_leaves(self, world, shop, source, deliverer):
        source()
        shop.behaviours[PATH] = Script([answer(503), answer(200)])
        subscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="Page")
        deliverer.make_all()
        unsubscribe(list=world.in_list, email="ann@mail.example", now=world.now, method="Page")
        deliverer.make_all()

        world.now += timedelta(minutes=1)
        deliverer.make_all()

        trait = f"listrak_list_{world.in_list.pk}"
        identified = [call for call in calls(shop) if call["type"] == "identify"]
        assert [call["traits"][trait] for call in identified] == [True, True, None]


class TestSaving:
    def test_keeps_the_key_where_none_is_given(self, world, source):
        first = source()

        second = source(write_key="", url="")

        assert second.pk == first.pk
        assert second.sealed_authorization == first.sealed_authorization
        assert second.url == "https://api.segment.io/v1/batch"
        assert Endpoint.objects.count() == 1

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"write_key": ""}, "write_key"),
            ({"write_key": "two words"}, "write_key"),
            ({"lists": []}, "lists"),
            ({"lists": [999999]}, "lists"),
            ({"url": "http://127.0.0.1/"}, "url"),
            ({"url": "ftp://shop.example/"}, "url"),
        ],
    )
    def test_refuses(self, world, source, wrong, named):
        with pytest.raises(InvalidValueError) as refused:
            source(**wrong)

        assert refused.value.field == named
        assert find_source() is None

    def test_refuses_a_field_of_another_list(self, world, source):
        elsewhere = ProfileFieldFactory.create(group__list=ListFactory.create())

        with pytest.raises(InvalidValueError, match="no such profile field"):
            source(user_id_fields={world.in_list.pk: elsewhere.pk})


class TestBackfill:
    @pytest.fixture
    def people(self, world):
        """Three who are Subscribed, one who left, one of another list."""
        there = [SubscriptionFactory.create(list=world.in_list) for _ in range(3)]
        SubscriptionFactory.create(list=world.in_list, state="Unsubscribed")
        SubscriptionFactory.create()
        return there

    def test_sends_whoever_is_subscribed(self, world, shop, source, deliverer, people, monkeypatch):
        monkeypatch.setattr(source_actions, "CHUNK", 2)
        kept = source()

        begin_backfill(source=kept, now=world.now)
        assert Pending.objects.count() == 2
        assert not go_on(now=world.now)
        deliverer.make_all()

        assert [call["traits"]["email"] for call in calls(shop)] == [
            one.contact.email for one in people
        ]
        assert {call["type"] for call in calls(shop)} == {"identify"}
        kept.refresh_from_db()
        assert kept.options["backfill"]["sent"] == 3
        assert "ended_at" in kept.options["backfill"]
        assert not go_on(now=world.now)
        assert Happening.objects.count() == 3

    def test_waits_while_much_is_still_to_be_told(self, world, source, people, monkeypatch):
        monkeypatch.setattr(source_actions, "CHUNK", 1)
        monkeypatch.setattr(source_actions, "PLENTY", 0)

        begin_backfill(source=source(), now=world.now)

        assert go_on(now=world.now)
        assert Pending.objects.count() == 1

    def test_is_nobody_else_s_to_hear_again(self, world, shop, source, people):
        begin_backfill(source=source(), now=world.now)
        other = create_endpoint(
            name="Shop",
            url=f"http://shop.example:{shop.port}/",
            kinds=["subscribed"],
            now=world.now,
        ).endpoint

        assert replay(endpoint=other, after=0, now=world.now) == 0


class TestEverywhere:
    def test_goes_on_with_what_is_left(self, acme, globex, now, settings, monkeypatch):
        monkeypatch.setattr(source_actions, "CHUNK", 1)
        with in_account(acme.pk):
            in_list = ListFactory.create()
            for _ in range(3):
                SubscriptionFactory.create(list=in_list)
            kept = save_source(
                write_key=KEY, url="", lists=[in_list.pk], user_id_fields={}, now=now
            )
            begin_backfill(source=kept, now=now)

        go_on_everywhere(now)

        with in_account(acme.pk):
            assert Endpoint.objects.get().options["backfill"]["sent"] == 3
            pause_endpoint(endpoint=Endpoint.objects.get(), now=now)
        go_on_everywhere(now)


class TestPage:
    @pytest.fixture
    def given(self, acme):
        """What the form says."""
        with in_account(acme.pk):
            in_list = ListFactory.create(name="Store Customers")
            field = ProfileFieldFactory.create(group__list=in_list)
        return {
            "write_key": KEY,
            "url": "",
            "lists": [in_list.pk],
            f"user_id_{in_list.pk}": field.pk,
        }

    def address(self, view="source"):
        return reverse(f"webhooks_source:{view}", args=["acme-shoes"])

    def test_makes_the_source_and_sends_all(self, client, ada, acme, given):
        client.force_login(ada)

        assert client.get(self.address()).status_code == 200
        assert client.post(self.address("backfill")).status_code == 404
        assert client.post(self.address(), given).url == self.address()
        shown = client.get(self.address()).text
        assert f"ends in {KEY[-4:]}" in shown
        assert KEY not in shown
        assert not re.search(r"""\sstyle=|\son[a-z]+=|<script(?! src)""", shown)
        assert client.post(self.address("backfill")).url == self.address()
        assert "Sent 0 of them" in client.get(self.address()).text
        after = client.post(self.address("pause"), follow=True).text
        assert self.address("resume") in after
        with in_account(acme.pk):
            assert Endpoint.objects.get().is_paused
        client.post(self.address("resume"))
        with in_account(acme.pk):
            source = Endpoint.objects.get()
        assert not source.is_paused
        assert source.options["user_id_fields"] == {
            str(given["lists"][0]): given[f"user_id_{given['lists'][0]}"]
        }

    def test_forgets_the_source(self, client, ada, acme, given):
        client.force_login(ada)
        client.post(self.address(), given)

        assert client.post(self.address("disconnect")).url == self.address()

        with in_account(acme.pk):
            assert find_source() is None
        assert client.post(self.address("disconnect")).status_code == 404

    def test_says_beside_the_field_what_is_wrong(self, client, ada, acme, given):
        client.force_login(ada)

        answers = [
            client.post(self.address(), {**given, "write_key": ""}),
            client.post(self.address(), {**given, "lists": []}),
            client.post(self.address(), {**given, "url": "http://10.0.0.7/"}),
        ]

        assert [one.status_code for one in answers] == [422, 422, 422]
        assert "Paste the write key" in answers[0].text
        assert "Choose at least one list." in answers[1].text
        assert "not on the public internet" in answers[2].text

    @pytest.mark.parametrize("view", ["source", "backfill", "pause", "resume", "disconnect"])
    def test_is_the_owner_s(self, client, zoe, ben, mia, view):
        answers = []
        for user in (zoe, ben, mia):
            client.force_login(user)
            answers.append(client.post(self.address(view)).status_code)

        assert answers == [404, 403, 403]
