"""Conversations as the vendor's API reads them: status, messages, and what came of those."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import IntegrationType
from accounts.tenancy import in_account
from conductor.conversations.models import Conversation
from messaging.actions import record_receipts
from messaging.models import Campaign
from tests.api.conftest import connect
from tests.factories import (
    CommittedMessageFactory,
    ConversationFactory,
    DeliveryFactory,
    ListFactory,
    VersionFactory,
)

PARTS = ("", "/Summary", "/Message")
OF_MESSAGE = ("", "/Activity", "/Link", "/Link/1", "/Link/1/Clicker", "/Summary")


@pytest.fixture
def shop(acme):
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def wire(acme, now):
    return connect(acme, now, types=list(IntegrationType.values))


@pytest.fixture
def drawn(acme, shop, now):
    """A published conversation of two versions, each with an email of its own, and a text."""
    with in_account(acme.pk):
        Campaign.objects.create(list=shop, name="Winback", created_at=now)
        conversation = ConversationFactory.create(list=shop, name="Come back")
        first = CommittedMessageFactory.create(list=shop)
        second = CommittedMessageFactory.create(
            list=shop, content={"subject": "Again", "html": '<a href="https://shop.example/">X</a>'}
        )
        text = CommittedMessageFactory.create(list=shop, channel="sms", content={"text": "Hi"})
        VersionFactory.create(conversation=conversation, commits={"mail": first.pk})
        document = {"campaign": "winback"}
        running = VersionFactory.create(
            conversation=conversation,
            commits={"mail": second.pk, "text": text.pk},
            document=document,
        )
        conversation.draft, conversation.commits = document, running.commits
        conversation.published = running
        conversation.save()
        Conversation.objects.create(
            list=shop,
            name="Rehearsal",
            draft={},
            rehearsal_of=conversation,
            created_at=now,
            modified_at=now,
        )
        return conversation, first, second


@pytest.fixture
def url(shop):
    return f"/email/v1/List/{shop.pk}/Conversation"


class TestConversation:
    def test_is_listed_with_its_campaign_and_status(self, wire, url, drawn, acme, shop, now):
        with in_account(acme.pk):
            ConversationFactory.create(list=shop, name="A draft")
            campaign = Campaign.objects.get()

        shown = wire.get(url)

        assert shown == [
            {
                "conversationId": drawn[0].pk,
                "conversationName": "Come back",
                "campaignId": campaign.pk,
                "expirationDate": None,
                "status": "Published",
            },
            {**shown[1], "conversationName": "A draft", "campaignId": 0, "status": "Unpublished"},
        ]
        with in_account(acme.pk):
            Conversation.objects.filter(pk=drawn[0].pk).update(paused_at=now)
        assert wire.get(f"{url}/{drawn[0].pk}")["status"] == "Closed"

    def test_shows_the_emails_that_it_sends_and_if_asked_sent(self, wire, url, drawn):
        conversation, first, second = drawn
        messages = f"{url}/{conversation.pk}/Message"

        with CaptureQueriesContext(connections["default"]) as asked:
            running = wire.page(messages)
        ever = wire.get(messages, includePreviousVersions="True")

        # Of each the subject alone is read, which may stand beside megabytes.
        assert not any('"messaging_committedmessage"."content",' in one["sql"] for one in asked)
        assert running["data"][0]["subject"] == "Again"
        assert running["nextPageCursor"] is None
        assert [row["messageId"] for row in running["data"]] == [second.pk]
        assert [(row["messageId"], row["messageStatus"]) for row in ever] == [
            (first.pk, "Sent"),
            (second.pk, "RecurringSend"),
        ]
        whole = wire.get(f"{messages}/{second.pk}")
        assert (whole["subject"], whole["sendDate"]) == ("Again", None)

    def test_adds_up_what_came_of_its_emails(self, wire, url, drawn, acme, shop):
        conversation, _, second = drawn
        with in_account(acme.pk):
            common = {"list": shop, "message": second, "conversation_id": conversation.pk}
            for kinds in (["opened", "clicked"], ["bounced"], []):
                sent = DeliveryFactory.create(**common)
                for kind in kinds:
                    record_receipts(
                        delivery=sent,
                        kind=kind,
                        detail={"url": "https://shop.example/"} if kind == "clicked" else {},
                        now=sent.sent_at + timedelta(hours=1),
                    )
            DeliveryFactory.create(**common, state="skipped", reason="suppressed")
            DeliveryFactory.create(**common, is_test=True)
        one = f"{url}/{conversation.pk}"

        whole = wire.get(f"{one}/Summary")
        message = wire.get(f"{one}/Message/{second.pk}/Summary")

        assert (whole["sentCount"], whole["deliveredCount"], whole["bounceCount"]) == (3, 2, 1)
        assert (whole["openCount"], whole["clickCount"], whole["visitCount"]) == (1, 1, 1)
        assert message["sentCount"] == 3
        assert len(wire.get(f"{one}/Message/{second.pk}/Activity")) == 3
        (link,) = wire.get(f"{one}/Message/{second.pk}/Link")
        assert (link["linkId"], link["clickCount"]) == (1, 1)
        assert len(wire.get(f"{one}/Message/{second.pk}/Link/1/Clicker")) == 1

    @pytest.mark.parametrize(
        "part", [*PARTS, *(f"/Message/{{message}}{part}" for part in OF_MESSAGE)]
    )
    def test_is_no_strangers(self, wire, url, drawn, globex, now, part):
        stranger = connect(globex, now, types=list(IntegrationType.values))
        path = f"{url}/{drawn[0].pk}{part.format(message=drawn[2].pk)}"

        assert wire.call("GET", path).status_code == 200
        assert stranger.refused("GET", path)[:2] == (404, "ERROR_UNABLE_TO_LOCATE_RESOURCE")
