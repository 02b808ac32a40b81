"""Texts to a whole phone list."""

from datetime import time, timedelta

import pytest

from messaging import tasks
from messaging.actions import commit_sms
from messaging.actions.broadcasts import broadcast_text
from messaging.eligibility import load_policy
from messaging.models import Broadcast, Delivery, SendingRules
from messaging.sending.broadcasts import FAILED, due_broadcasts, send_some
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)


@pytest.fixture
def texted(inside_acme, now):
    """Text a phone list; return the broadcast."""

    def text(phone_list):
        message = commit_sms(
            sms_message=None, text="Recall of the lamp", phone_list=phone_list, now=now
        )
        made = broadcast_text(message=message, phone_list=phone_list, title="Recall", now=now)
        send_some(made.pk, now=now)
        made.refresh_from_db()
        return made

    return text


class TestBroadcastText:
    def test_goes_to_each_number_of_one_person(self, texted):
        phones = PhoneListFactory.create()
        grace = ContactFactory.create()
        SubscriptionFactory.create(list=phones.short_code.email_list, contact=grace)
        numbers = {"+12125550101", "+12125550102"}
        for number in numbers:
            PhoneSubscriptionFactory.create(phone_list=phones, contact=grace, phone_e164=number)

        made = texted(phones)

        rows = Delivery.objects.filter(broadcast_id=made.pk)
        assert set(rows.values_list("address", flat=True)) == numbers
        assert made.counts["eligible"] == rows.count()

    def test_goes_to_a_number_once_however_often_it_is_begun(self, texted, now):
        phones = PhoneListFactory.create()
        PhoneSubscriptionFactory.create(phone_list=phones, contact=None)
        made = texted(phones)
        made.status, made.position = "Sending", 0
        made.save()

        send_some(made.pk, now=now)

        assert Delivery.objects.filter(broadcast_id=made.pk).count() == 1

    def test_to_a_transactional_list_waits_behind_what_is_urgent(self, texted, now):
        phones = PhoneListFactory.create(kind="Transactional")
        PhoneSubscriptionFactory.create(phone_list=phones)
        made = texted(phones)
        QueuedTextFactory.create(phone_list=phones)

        taken = claim(
            channel="sms", provider="sandbox", sender="me", most=9, now=now, lane=Lane.URGENT
        )

        assert len(taken.sending) == 1
        assert Delivery.objects.get(broadcast_id=made.pk).state == "queued"

    def test_to_a_transactional_list_is_held_by_no_hours_and_no_limit(self, texted, now):
        rules = SendingRules.objects.create(
            most_a_day=1, sms_opens=time(8), sms_closes=time(9), updated_at=now
        )
        phones = PhoneListFactory.create(kind="Transactional")
        PhoneSubscriptionFactory.create_batch(2, phone_list=phones)
        stopped = PhoneSubscriptionFactory.create(phone_list=phones)
        made = texted(phones)
        stopped.state = "Unsubscribed"
        stopped.save()

        while claim(channel="sms", provider="sandbox", sender="me", most=9, now=now).seen:
            pass

        rows = Delivery.objects.filter(broadcast_id=made.pk).order_by("pk")
        assert [row.state for row in rows] == ["sending", "sending", "skipped"]
        assert load_policy(now=now).left_today == rules.most_a_day


class TestFailure:
    """A broadcast that nobody can send, whatever is tried."""

    @pytest.fixture
    def broken(self, inside_acme, now):
        shop = ListFactory.create()
        SubscriptionFactory.create(list=shop)
        return Broadcast.objects.create(
            list=shop,
            message=CommittedMessageFactory.create(list=shop),
            rule={"leaf": "nobody knows it"},
            created_at=now,
            send_at=now,
        )

    def test_is_tried_later_and_later_and_then_no_more(self, acme, broken, now):
        tried = []

        for minute in range(40):
            at = now + timedelta(minutes=minute)
            if broken.pk in due_broadcasts(now=at):
                tried.append(minute)
                tasks.broadcast_some(acme.pk, at)

        broken.refresh_from_db()
        assert tried == [0, 1, 3, 7, 15]
        assert (broken.status, broken.options[FAILED]["times"]) == ("NotReady", 5)
        assert broken.options[FAILED]["reason"]
