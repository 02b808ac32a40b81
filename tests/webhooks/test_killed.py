"""kill -9 of the deliverer at every point and at any moment: everything arrives, in order."""

import json
import random
import signal
import threading
import time
from collections import defaultdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from accounts.tenancy import in_account
from conductor.webhooks.actions import create_endpoint
from conductor.webhooks.delivering import Deliverer
from conductor.webhooks.models import Happening
from contacts.actions.subscriptions import subscribe
from contacts.models import Contact
from tests.engine.other_side import answer, hang_up
from tests.engine.test_two_connections import elsewhere
from tests.engine.world import World
from tests.factories import EnrollmentFactory

pytestmark = pytest.mark.django_db(transaction=True)

DELIVERER = Path(__file__).with_name("dying_deliverer.py").read_text()
POINTS = ["reading", "claiming", "claimed", "called", "writing", "written"]
# Longer than a lease and than the longest pause between two attempts.
LATER = timedelta(minutes=16)
SECONDS = 120
JOINING = 4


class Flaky:
    """Takes most of what it is sent; now and then it refuses, or hangs up without a word."""

    def __init__(self, chance):
        self.chance = chance
        self.lock = threading.Lock()

    def __call__(self, handler):
        with self.lock:
            behave = self.chance.choice([answer(), answer(), answer(), answer(503), hang_up])
        behave(handler)


def test_every_event_arrives_in_its_order_whenever_the_deliverer_is_killed(
    acme, shop, settings, mother, now
):
    chance = random.Random(20261122)
    moments = [*POINTS, *(str(chance.randrange(10, 150)) for _ in range(4))]
    chance.shuffle(moments)
    settings.OUTGOING_ALLOW = [f"127.0.0.1:{shop.port}"]
    shop.behaviours["/"] = Flaky(chance)
    with in_account(acme.pk):
        world = World(now)
        live = world.live("{key: pause, wait: {for: P1D}}")
        live.refresh_from_db()
        create_endpoint(
            name="Shop",
            url=f"http://127.0.0.1:{shop.port}/",
            kinds=["subscribed", "entered"],
            batch_size=3,
            now=now,
        )

    def happen(name):
        """Have somebody join the list and enter the conversation."""
        person = subscribe(
            list=world.in_list, email=f"{name}@mail.example", now=now, method="api"
        ).subscription
        EnrollmentFactory(
            version=live.published,
            contact_id=person.contact_id,
            subscription_id=person.pk,
            list_id=person.list_id,
        )

    def kill_at(turn):
        with in_account(acme.pk):
            for number in range(JOINING):
                happen(f"{turn}-{number}")
        clock = (now + LATER * turn).isoformat()
        code, said = mother.run(DELIVERER, str(shop.port), clock, moments[turn])
        assert code == -signal.SIGKILL, said

    turns = range(len(moments))
    with elsewhere(acme, lambda: happen("late")):
        # It has drawn its ids, and commits when later ones have been told long since.
        for turn in turns[:6]:
            kill_at(turn)
    for turn in turns[6:]:
        kill_at(turn)
    shop.behaviours["/"] = answer()
    facts = 2 * (JOINING * len(moments) + 1)
    told = finish(acme, shop, now + LATER * len(moments), facts)

    with in_account(acme.pk):
        happened = {
            f"{acme.pk}-{pk}": (kind, contact)
            for pk, kind, contact in Happening.objects.values_list("pk", "kind", "contact_id")
        }
        late = Contact.objects.get(email_norm="late@mail.example").pk
    assert len(happened) == len({*happened.values()}) == facts
    assert {*told} == {*happened}
    assert all(len({*versions}) == 1 for versions in told.values())
    calls = bodies_by_call(shop)
    assert all(len({*bodies}) == 1 for bodies in calls.values())
    assert any(len(bodies) > 1 for bodies in calls.values())
    in_order = [
        int(event["cursor"])
        for number in sorted(calls)
        for event in json.loads(calls[number][0])["events"]
        if (event["type"], event["contact"]["contactId"]) != ("subscribed", late)
    ]
    assert in_order == sorted(in_order)
    assert len(in_order) == facts - 1


def finish(acme, shop, at, facts):
    """Deliver until everything has arrived; return what was told of each event, by its id."""
    deadline = time.monotonic() + SECONDS
    while True:
        # Readings wait for every older transaction of the server, those of other tests included.
        Deliverer(clock=partial(datetime.fromisoformat, at.isoformat())).make_all()
        told = defaultdict(list)
        for bodies in bodies_by_call(shop).values():
            for body in bodies:
                for event in json.loads(body)["events"]:
                    told[event["id"]].append(json.dumps(event))
        if len(told) >= facts or time.monotonic() > deadline:
            return told
        at += LATER
        time.sleep(0.05)


def bodies_by_call(shop):
    """Return what arrived, by the number in its key: a call's, which is the same at a retry."""
    found = defaultdict(list)
    for one in list(shop.heard):
        found[int(one.headers["Idempotency-Key"].partition("-w")[2])].append(one.body)
    return found
