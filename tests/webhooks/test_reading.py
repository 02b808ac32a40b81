"""Who enters and ends is read behind the engine: once each, and nobody is missed."""

import time
from datetime import timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from conductor.conversations.models import Conversation, Enrollment
from conductor.webhooks.actions import create_endpoint, delete_endpoint
from conductor.webhooks.models import Endpoint, Happening, Reading
from conductor.webhooks.reading import read
from tests.engine.test_two_connections import elsewhere
from tests.engine.world import World
from tests.factories import EnrollmentFactory, ListFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(acme, now):
    """A list with one conversation and an endpoint that hears of everything."""
    with in_account(acme.pk):
        made = World(now)
        create_endpoint(
            name="Shop",
            url="https://shop.example/",
            kinds=["entered", "ended", "subscribed", "unsubscribed"],
            now=now,
        )
        return made


def read_all(acme, *, least=0):
    """
    Read until nothing is left: what is seen by the first is read by the second.

    What happened is waited for: a reading waits for every older transaction of the server,
    those of the tests beside this one included.
    """
    deadline = time.monotonic() + 180
    while True:
        for _ in range(3):
            with in_account(acme.pk):
                read()
        with in_account(acme.pk):
            found = [
                (one.kind, one.contact_id, one.detail) for one in Happening.objects.order_by("pk")
            ]
        if len(found) >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


class TestReading:
    def test_tells_who_entered_and_ended_once(self, acme, world):
        with in_account(acme.pk):
            person = world.person()
            world.live("{key: pause, wait: {for: P1D}}")
            world.happen(person)
            world.tick()
        entered: Any = ("entered", person.contact_id, {})
        assert read_all(acme, least=1) == [entered]

        with in_account(acme.pk):
            world.tick(world.now + timedelta(days=1))

        ended = ("ended", person.contact_id, {"reason": "terminated"})
        with in_account(acme.pk):
            assert Enrollment.objects.get().end_reason == ended[2]["reason"]
        assert read_all(acme, least=2) == [entered, ended]
        assert read_all(acme) == [entered, ended]

    def test_waits_for_whoever_drew_an_id_and_has_not_committed(self, acme, world):
        with in_account(acme.pk):
            early, late = world.person(), world.person()
            conversation = world.live("{key: pause, wait: {for: P1D}}")

        def enter(person):
            return lambda: EnrollmentFactory(
                version=conversation_version(conversation.pk),
                contact_id=person.contact_id,
                subscription_id=person.pk,
                list_id=person.list_id,
            )

        with elsewhere(acme, enter(early)) as other:
            with in_account(acme.pk):
                enter(late)()
            assert read_all(acme) == []
            other.finish()

        # Those of one reading come in any order.
        assert sorted(contact for _, contact, _ in read_all(acme, least=2)) == [
            early.contact_id,
            late.contact_id,
        ]

    def test_tells_what_steps_did_to_subscriptions(self, acme, world):
        with in_account(acme.pk):
            person = world.person()
            world.live("{key: off, action: {unsubscribe: this}}\n{key: pause, wait: {for: P1D}}")
            world.happen(person)
            world.tick()
            person.refresh_from_db()

        told = read_all(acme, least=2)

        assert person.state == "Unsubscribed"
        assert ("unsubscribed", person.contact_id, {"method": "action"}) in told
        assert len(told) == 2

    def test_tells_whom_a_step_puts_on_another_list(self, acme, world):
        with in_account(acme.pk):
            person, other = world.person(), ListFactory(name="News")
            world.live("{key: on, action: {subscribe: News}}\n{key: pause, wait: {for: P1D}}")
            world.happen(person)
            world.tick()

        assert ("subscribed", person.contact_id, {"method": "action"}) in read_all(acme, least=2)
        with in_account(acme.pk):
            assert Happening.objects.get(kind="subscribed").list_id == other.pk

    def test_of_test_runs_nobody_hears(self, acme, world):
        with in_account(acme.pk):
            person = world.person()
            live = world.live("{key: pause, wait: {for: P1D}}")
            real = world.live("{key: pause, wait: {for: P1D}}")
            Conversation.objects.filter(pk=live.pk).update(rehearsal_of=real)
            world.happen(person)
            world.tick()

        assert len(read_all(acme, least=1)) == 1

    def test_ends_with_the_last_endpoint(self, acme, world, now):
        with in_account(acme.pk):
            assert Reading.objects.exists()
            delete_endpoint(endpoint=Endpoint.objects.get(), now=now)

            assert not Reading.objects.exists()


def conversation_version(conversation_id):
    """Return a conversation's running version."""
    return Conversation.objects.get(pk=conversation_id).published
