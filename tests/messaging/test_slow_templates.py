"""Templates that take so long that a batch's time is over."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from messaging.providers import Carrier, Outcome
from messaging.rendering import renderer
from messaging.sending.claim import claim
from messaging.sending.compose import load_frame
from messaging.sending.filling import FilledIn
from messaging.sending.heart import Heart
from messaging.sending.sender import hand_over
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory


class Taking(Carrier):
    """A provider that takes everything."""

    kind = "taking"
    label = "Taking"
    channels = ("email",)

    def carry(self, messages, *, now):
        for message in messages:
            yield Outcome(message.delivery_id)


@pytest.fixture
def batch(inside_acme, now, monkeypatch):
    """Three messages of a template of which one is filled in at a time."""
    monkeypatch.setattr(renderer, "TURN_SECONDS", 0)
    shop = ListFactory.create()
    message = CommittedMessageFactory.create(list=shop)
    QueuedEmailFactory.create_batch(3, list=shop, message=message)
    rows = claim(channel="email", provider="taking", sender="me", most=9, now=now).sending
    with ThreadPoolExecutor(max_workers=1) as thread:
        filled = FilledIn(thread, most=3, until=float("inf"))
        filled.add(rows, load_frame(rows, account_id=inside_acme.pk), now=now)
        filled.end()
        yield filled


def handed(batch, now):
    """Hand a batch over; count the outcomes, and those that cost an attempt."""
    heart = Heart(lambda: now)
    heart.last = float("inf")
    outcomes = hand_over(Taking({}), batch, heart=heart, now=now).outcomes
    assert sorted(one.delivery_id for one in outcomes) == batch.ids
    return Counter((one.state, one.is_attempted) for one in outcomes)


class TestSlowTemplate:
    def test_has_the_rest_of_its_batch_go_back_to_the_queue(self, batch, now):
        batch.until = time.monotonic() - 1

        assert handed(batch, now) == {("sent", True): 1, ("queued", False): 2}

    def test_takes_turns_with_others_for_as_long_as_there_is_time(self, batch, now):
        assert handed(batch, now) == {("sent", True): 3}
