"""The deliverer as it runs: a thread of its own, by the clock, until it is told to stop."""

import json
import threading
import time

import pytest

from accounts.tenancy import in_account
from conductor.webhooks.actions import create_endpoint
from conductor.webhooks.delivering import Deliverer
from conductor.webhooks.models import Call
from tests.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 120


def test_who_enters_is_told_of_within_moments(acme, shop, names, now):
    with in_account(acme.pk):
        world = World(now)
        create_endpoint(
            name="Shop",
            url=f"http://shop.example:{shop.port}/",
            kinds=["entered"],
            now=world.now,
        )
        person = world.person()
        world.live("{key: pause, wait: {for: P1D}}")
    stop = threading.Event()
    deliverer = Deliverer(clock=lambda: now, resolver=names)
    running = threading.Thread(target=deliverer.run, args=[stop], daemon=True)
    running.start()

    with in_account(acme.pk):
        world.happen(person)
        world.tick()
    until = time.monotonic() + SECONDS
    while not shop.heard and time.monotonic() < until:
        time.sleep(0.05)
    stop.set()
    running.join(SECONDS)

    assert not running.is_alive()
    (event,) = [one for heard in shop.heard for one in json.loads(heard.body)["events"]]
    assert (event["type"], event["contact"]["contactId"]) == ("entered", person.contact_id)
    assert event["conversation"]["conversationName"] == "C1"
    with in_account(acme.pk):
        assert Call.objects.get().state == "done"
