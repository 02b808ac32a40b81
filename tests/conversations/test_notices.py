"""Mails that tell how a mobile step's messages fare."""

from datetime import timedelta

import pytest

from conductor.conversations.actions import publish_conversation
from conductor.conversations.models import Conversation, Notice
from conductor.conversations.notices import send_notices
from messaging.models import Delivery
from tests.engine.world import World

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def notify(inside_acme, now):
    """Publish a conversation whose text tells `on`; return it."""
    world = World(now)

    def publish(on: str) -> Conversation:
        live = world.live(
            '{key: text, mobile_message: {short_code: "54321", phone_list: Transactional, '
            f"text: Hi, notification: {{emails: [ops@acme.example], on: [{on}]}}}}}}"
        )
        live.commits = live.published.commits if live.published else {}
        Conversation.objects.filter(pk=live.pk).update(published=None)
        live.refresh_from_db()
        publish_conversation(conversation=live, now=now)
        return live

    return publish


def failed(conversation, now, count=1):
    for number in range(count):
        Delivery.objects.create(
            channel="sms",
            list=conversation.list,
            state="failed",
            reason="provider rejected (550)",
            conversation_id=conversation.pk,
            step_key="text",
            visit_number=number + 1,
            queued_at=now,
        )


@pytest.mark.usefixtures("inside_acme")
class TestSendNotices:
    def test_tells_once_that_messages_failed(self, notify, now, mailoutbox):
        conversation = notify("failure")
        failed(conversation, now, 3)

        first, second = send_notices(now), send_notices(now + timedelta(hours=2))

        assert (first, second) == (1, 0)
        assert mailoutbox[0].to == ["ops@acme.example"]
        assert "3 messages failed" in mailoutbox[0].subject
        assert "The provider did not accept the message." in mailoutbox[0].body

    def test_tells_of_failures_at_most_once_an_hour(self, notify, now, mailoutbox):
        conversation = notify("failure")
        failed(conversation, now)
        send_notices(now)
        Delivery.objects.update(conversation_id=0)
        failed(conversation, now, 2)

        soon, later = send_notices(now + timedelta(minutes=5)), send_notices(now + 2 * DAY)

        assert (soon, later) == (0, 1)

    def test_counts_the_day_before_once_a_day(self, notify, now, mailoutbox):
        conversation = notify("daily")
        failed(conversation, now, 2)

        early = send_notices(now)
        next_day, again = send_notices(now + DAY), send_notices(now + DAY)

        assert (early, next_day, again) == (0, 1, 0)
        assert "2 failed" in mailoutbox[0].body

    def test_follows_the_version_that_runs(self, notify, now):
        conversation = notify("daily")
        step = conversation.draft["threads"][0]["steps"][1]["mobile_message"]
        del step["notification"]
        conversation.save()

        publish_conversation(conversation=conversation, now=now)

        assert not Notice.objects.exists()
