"""A conversation from its file to its messages, across a publication."""

from datetime import timedelta

import pytest

from accounts.tenancy import sql
from conductor.conversations.actions import (
    commit_message,
    pause_conversation,
    publish_conversation,
    resume_conversation,
)
from conductor.conversations.models import Conversation, Enrollment
from conductor.conversations.summary import summarize
from conductor.engine.tick import run_tick
from contacts.actions import raise_event
from messaging.actions import save_message
from messaging.models import Delivery
from tests.conversations.conftest import applied, winback
from tests.engine.world import check_conservation
from tests.factories import PhoneSubscriptionFactory, SubscriptionFactory

DAY = timedelta(days=1)


def shopper(store, number):
    """A subscribed contact with a phone that agreed to the phone list."""
    phone = f"+12125550{number:03d}"
    PhoneSubscriptionFactory(phone_list=store.phone_list, phone_e164=phone)
    return SubscriptionFactory(list=store.list, profile={str(store.mobile.pk): phone})


def enter(store, subscription, now):
    raise_event(external_event=store.event, contact=subscription.contact, now=now, source="api")


def tick(now):
    """Run one tick as if in a transaction of its own."""
    run_tick(now=now, limit=1000)
    for table in ("enrolled", "arrivals", "outbox", "facts"):
        sql.execute(f"DELETE FROM {table}")


def checked(conversation):
    """Check that the numbers add up, whole and step by step; return them."""
    check_conservation(conversation.pk)
    summary = summarize(conversation=conversation)
    rows = Enrollment.objects.filter(conversation=conversation)
    assert summary.entered == rows.count()
    assert summary.ended == rows.filter(ended_at__isnull=False).count()
    for step in summary.steps:
        assert step.arrivals == step.waiting + sum(step.exits.values())
    return summary


class TestPublishingOverARunningVersion:
    def test_lets_those_inside_finish_on_theirs(self, published, store, now):
        first, second = shopper(store, 1), shopper(store, 2)
        enter(store, first, now)
        tick(now)
        assert checked(published).by_step["pause"].waiting == 1

        # A shorter wait, other words, one step more; none of it for who is inside.
        save_message(
            list=store.list, message=store.message, name="We miss you", subject="New words", now=now
        )
        extra = (
            "      - key: mark\n        action: {set_field: {field: Profile.Points, value: 7}}\n"
        )
        text = winback(P3D="P1D", **{"      - key: end\n": f"{extra}      - key: end\n"})
        conversation = applied(store, now, text).conversation
        commit_message(conversation=conversation, step_key="reminder", now=now)
        publish_conversation(conversation=conversation, now=now)
        enter(store, second, now)
        tick(now + DAY / 2)
        tick(now + DAY * 1.6)

        emails = Delivery.objects.filter(channel="email")
        assert [mail.message.content["subject"] for mail in emails] == ["New words"]
        tick(now + DAY * 3)

        by_contact = {mail.contact_id: mail.message.content["subject"] for mail in emails.all()}
        assert by_contact == {first.contact_id: "Come back", second.contact_id: "New words"}
        first.refresh_from_db()
        second.refresh_from_db()
        assert str(store.points.pk) not in first.profile
        assert second.profile[str(store.points.pk)] == 7
        summary = checked(conversation)
        assert (summary.entered, summary.waiting) == (2, 0)
        assert summary.by_step["mark"].arrivals == 1
        old = summarize(conversation=conversation, version=conversation.versions.get(number=1))
        assert (old.entered, "mark" in old.by_step) == (1, False)


class TestPause:
    def test_loses_nothing(self, published, store, now):
        early, late = shopper(store, 1), shopper(store, 2)
        enter(store, early, now)
        tick(now)

        pause_conversation(conversation=published, now=now)
        enter(store, late, now)
        tick(now + 4 * DAY)
        assert checked(published).by_step["pause"].waiting == 1
        assert summarize(conversation=published).entered == 1

        resume_conversation(conversation=published, now=now + 5 * DAY)
        tick(now + 5 * DAY)
        summary = checked(published)
        assert (summary.entered, summary.by_step["pause"].waiting) == (2, 1)
        assert Enrollment.objects.get(contact_id=late.contact_id).entered_at == now + 5 * DAY


class TestGoTo:
    @pytest.mark.parametrize("trigger", ["none", "{external_event: Order Imported}"])
    def test_enters_another_threads_middle(self, store, now, trigger):
        other = (
            f"  - thread: Second\n    steps:\n      - key: b\n        trigger: {trigger}\n"
            "      - key: note\n        action: {set_field: {field: Profile.Points, value: 3}}\n"
            "      - key: z\n        terminate: {}\n"
        )
        text = winback(
            **{
                "      - key: text\n": "      - key: jump\n        go_to: {to: note}\n      - key: text\n"
            }
        )
        conversation = applied(store, now, text + other).conversation
        publish_conversation(conversation=conversation, now=now)
        subscription = shopper(store, 1)
        enter(store, subscription, now)

        tick(now)

        subscription.refresh_from_db()
        assert subscription.profile[str(store.points.pk)] == 3
        summary = checked(Conversation.objects.get())
        assert (summary.by_step["z"].arrivals, summary.by_step["text"].arrivals) == (1, 0)
