"""Caps of a campaign: they bind what is filed under it, conversations and broadcasts."""

import pytest

from messaging.actions.rules import add_cap, set_rules
from messaging.models import Broadcast, Campaign, Delivery
from messaging.sending.broadcasts import count_audience, send_some
from messaging.sending.claim import claim
from tests.factories import CommittedMessageFactory, ListFactory, SubscriptionFactory


@pytest.fixture
def shop(inside_acme):
    """A list with three people."""
    made = ListFactory.create()
    SubscriptionFactory.create_batch(3, list=made)
    return made


@pytest.fixture
def broadcast(shop, now):
    """Make a broadcast to everybody, filed under a campaign."""

    def make(campaign=""):
        filed = None
        if campaign:
            filed, _ = Campaign.objects.get_or_create(
                list=shop, name=campaign, defaults={"created_at": now}
            )
        return Broadcast.objects.create(
            list=shop,
            message=CommittedMessageFactory.create(list=shop),
            campaign=filed,
            created_at=now,
            send_at=now,
        )

    return make


def states(made):
    """Return the states and reasons of a broadcast's messages."""
    return set(Delivery.objects.filter(broadcast_id=made.pk).values_list("state", "reason"))


class TestCampaignCap:
    def test_binds_broadcasts_of_the_campaign_alone(self, broadcast, now):
        add_cap(channel="email", period="day", most=1, campaign="Spring", now=now)
        first, second, other = broadcast("Spring"), broadcast("Spring"), broadcast("Autumn")
        for one in (first, second, other):
            send_some(one.pk, now=now)

        assert states(first) == states(other) == {("queued", "")}
        assert states(second) == {("skipped", "frequency-cap")}

    def test_is_asked_again_at_the_claim(self, broadcast, now):
        one, two = broadcast("Spring"), broadcast("Spring")
        for each in (one, two):
            send_some(each.pk, now=now)
        add_cap(channel="email", period="day", most=1, campaign="Spring", now=now)

        claim(channel="email", provider="sandbox", sender="me", most=9, now=now)

        assert states(one) == {("sending", "")}
        assert states(two) == {("skipped", "frequency-cap")}


class TestDailyLimit:
    def test_is_counted_with_the_audience(self, broadcast, now):
        set_rules(most_a_day=2, now=now)

        counted = count_audience(broadcast(), now=now)

        assert (counted.eligible, counted.reasons) == (2, {"over account limit": 1})
