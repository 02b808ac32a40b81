"""Split tests: the message that did best goes to whoever was in no group."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.actions import InvalidValueError
from messaging.actions.broadcasts import cancel_broadcast
from messaging.actions.receipts import CameBack, write_receipts
from messaging.actions.split_tests import Group, plan_split_test
from messaging.models import Broadcast, Conversion, Delivery
from messaging.sending.broadcasts import due_broadcasts, send_some
from tests.factories import (
    CommittedMessageFactory,
    ListFactory,
    OrderFactory,
    SubscriptionFactory,
    make,
)

HOURS = timedelta(hours=4)
PEOPLE = 60


@pytest.fixture
def shop(inside_acme):
    """A list with people."""
    made = ListFactory.create()
    make(SubscriptionFactory, PEOPLE, list=made)
    return made


@pytest.fixture
def planned(shop, now):
    """Plan a test of two messages with a remainder."""

    def plan(*percents, metric="Opens", winner_after=HOURS):
        groups = [
            Group(name, percent, CommittedMessageFactory.create(list=shop, name=name))
            for name, percent in zip("AB", percents, strict=True)
        ]
        return plan_split_test(
            list=shop,
            name="Subjects",
            metric=metric,
            groups=groups,
            send_at=now,
            now=now,
            winner_after=winner_after,
        )

    return plan


def send(made, now):
    """Send what is due, and have all of it arrive; return the groups and the remainder."""
    for number in due_broadcasts(now=now):
        send_some(number, now=now)
    Delivery.objects.filter(state="queued").update(state="sent", sent_at=now)
    return list(Broadcast.objects.filter(split_test=made).order_by("share_from"))


def came(broadcast, kind, now, *, most):
    """Have something come back of so many of a broadcast's messages."""
    sent = Delivery.objects.filter(broadcast_id=broadcast.pk).order_by("pk")[:most]
    write_receipts([CameBack(one.pk, kind, now, {}) for one in sent], now=now)


def order(broadcast, amount, now):
    """Have an order ascribed to a broadcast's message."""
    sent = Delivery.objects.filter(broadcast_id=broadcast.pk)[0]
    Conversion.objects.create(
        order=OrderFactory.create(),
        delivery=sent,
        receipt_id=1,
        list_id=sent.list_id,
        channel="email",
        rule="click",
        amount=Decimal(amount),
        touched_at=now,
        ordered_at=now,
        recorded_at=now,
    )


class TestWinner:
    def test_goes_to_the_rest_after_its_time(self, planned, now):
        made = planned(35, 35)  # by draw: a group of nobody is one in 10^9
        first, second, rest = send(made, now)
        came(second, "opened", now, most=2)
        assert due_broadcasts(now=now + HOURS - timedelta(seconds=1)) == []

        send(made, now + HOURS)

        made.refresh_from_db()
        rest.refresh_from_db()
        assert (made.winner, made.decided_at) == (second, now + HOURS)
        assert rest.status == "Sent"
        got = Delivery.objects.values_list("contact_id", flat=True)
        assert (len(got), len({*got})) == (PEOPLE, PEOPLE)
        remaining = Delivery.objects.filter(broadcast_id=rest.pk)
        assert {one.message_id for one in remaining} == {second.message_id}
        assert first.message_id != second.message_id

    def test_is_found_by_rate(self, shop, planned, now):
        make(SubscriptionFactory, PEOPLE, list=shop)
        made = planned(75, 20)  # by draw: as few in the first as in the second is one in 10^10
        first, second, _ = send(made, now)
        few = Delivery.objects.filter(broadcast_id=second.pk).count()
        came(second, "opened", now, most=few)
        came(first, "opened", now, most=few + 1)

        send(made, now + HOURS)

        made.refresh_from_db()
        assert made.winner == second

    @pytest.mark.parametrize(
        ("metric", "wins"), [("Opens", 0), ("Clicks", 1), ("Conversions", 0), ("Revenue", 1)]
    )
    def test_is_found_by_the_stated_metric(self, planned, now, metric, wins):
        made = planned(45, 45, metric=metric)
        first, second, _ = send(made, now)
        for kind, group in (("opened", first), ("clicked", second)):
            came(group, kind, now, most=9)
        # So much that it is so for each message, too, however many drew which: but once in 10^10.
        for amount, group in ([(1, first)] * 12) + [(9999, second)]:
            order(group, amount, now)

        send(made, now + HOURS)

        made.refresh_from_db()
        assert made.winner == (first, second)[wins]

    def test_of_equals_is_the_first(self, planned, now):
        made = planned(30, 30)
        first, _, _ = send(made, now)

        send(made, now + HOURS)

        made.refresh_from_db()
        assert made.winner == first

    def test_waits_for_a_group_that_is_still_being_sent(self, planned, now):
        made = planned(30, 30)
        first, _, rest = send(made, now)
        Broadcast.objects.filter(pk=first.pk).update(status="Sending")

        assert not send_some(rest.pk, now=now + HOURS)

        rest.refresh_from_db()
        assert (rest.status, rest.send_at) == ("ToBeSent", now + HOURS + timedelta(minutes=1))

    def test_is_nobody_where_nothing_was_sent(self, planned, now):
        made = planned(30, 30)
        groups = Broadcast.objects.filter(split_test=made).exclude(group_name="")
        for group in groups:
            cancel_broadcast(broadcast=group, now=now)

        *_, rest = send(made, now + HOURS)

        assert rest.status == "NotReady"
        assert not Delivery.objects.exists()

    def test_is_sent_to_nobody_else_unless_asked(self, planned, now):
        made = planned(30, 30, winner_after=None)

        groups = send(made, now)

        assert len(groups) == 2
        assert Delivery.objects.count() < PEOPLE

    def test_needs_somebody_who_is_left(self, planned):
        with pytest.raises(InvalidValueError, match="leave nobody"):
            planned(50, 50)
