"""A phone list's own limit: at most so many texts to one number in a time frame."""

from datetime import timedelta

import pytest

from accounts.actions import InvalidValueError
from messaging import actions
from messaging.actions.audience import count_texts
from messaging.actions.rules import set_rules
from messaging.models import Delivery
from messaging.sending.claim import claim
from tests.factories import (
    ContactFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedTextFactory,
)

PHONE = "+12125550123"


@pytest.fixture
def phones(inside_acme, now):
    """A marketing list that allows two texts a week, at any hour."""
    set_rules(follows_law=False, now=now)
    return PhoneListFactory.create(
        kind="Marketing", message_limit=2, message_limit_time_frame="Week"
    )


@pytest.fixture
def text(phones):
    """Queue a text to one number, or write down one that was sent."""
    grace = ContactFactory.create()
    PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE, contact=grace)

    def make(**fields):
        return QueuedTextFactory.create(
            **{"phone_list": phones, "contact": grace, "address": PHONE, **fields}
        )

    return make


def claimed(now):
    """Claim what waits; return the states in order."""
    claim(channel="sms", provider="sandbox", sender="me", most=9, now=now)
    return [
        (row.state, row.reason) for row in Delivery.objects.exclude(state="sent").order_by("pk")
    ]


class TestLimit:
    def test_lets_as_many_pass_in_its_time_frame(self, text, now):
        text(state="sent", sent_at=now - timedelta(days=8))  # the week before
        text(state="sent", sent_at=now - timedelta(hours=1))
        text()
        text()

        assert claimed(now) == [("sending", ""), ("skipped", "frequency-cap")]

    def test_holds_what_waits_for_a_cap_until_the_next(self, text, now):
        for _ in range(2):
            text(state="sent", sent_at=now)
        waits = text(waits_for_cap=True)

        assert claimed(now) == [("deferred", "frequency-cap")]
        waits.refresh_from_db()
        assert now < waits.not_before <= now + timedelta(days=7)

    def test_is_each_lists_own_and_no_matter_of_transactions(self, text, phones, now):
        other = PhoneListFactory.create(short_code=phones.short_code, kind="Marketing")
        PhoneSubscriptionFactory.create(phone_list=other, phone_e164=PHONE)
        for _ in range(2):
            text(state="sent", sent_at=now, phone_list=other)
            text(state="sent", sent_at=now, is_transactional=True)
        text()

        assert claimed(now) == [("sending", "")]

    def test_is_counted_with_an_audience(self, text, phones, now):
        for _ in range(2):
            text(state="sent", sent_at=now)
        PhoneSubscriptionFactory.create(phone_list=phones, contact=ContactFactory.create())

        counted = count_texts(phone_list=phones, now=now)

        assert (counted.reached, counted.reasons) == (1, {"frequency-cap": 1})

    @pytest.mark.parametrize(
        ("limit", "frame", "field"),
        [(-1, "Day", "message_limit"), (2, "Year", "message_limit_time_frame")],
    )
    def test_has_a_time_frame(self, phones, now, limit, frame, field):
        with pytest.raises(InvalidValueError) as refused:
            actions.update_phone_list(
                phone_list=phones,
                name=phones.name,
                kind="Marketing",
                message_limit=limit,
                message_limit_time_frame=frame,
                now=now,
            )

        assert refused.value.field == field
