"""Refusals: the newest of each contact are kept, so that the table does not grow for ever."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from conductor.conversations.actions import refusals
from conductor.conversations.actions.refusals import KEPT, forget_refusals
from conductor.conversations.models import Refusal
from tests.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


class TestForgetRefusals:
    def test_keeps_the_newest_of_each_contact_and_conversation(
        self, acme: Any, now: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(refusals, "BATCH", 1)
        with in_account(acme.pk):
            world = World(now)
            first, second = world.live("").pk, world.live("").pk
            given = [(first, 1, 30), (first, 2, 25), (first, 3, KEPT), (second, 1, 3)]
            Refusal.objects.bulk_create(
                Refusal(
                    conversation_id=conversation,
                    contact_id=contact,
                    kind="external_event",
                    reason="entered before",
                    refused_at=now + timedelta(seconds=number),
                )
                for conversation, contact, many in given
                for number in range(many)
            )

        forget_refusals(now)

        with in_account(acme.pk):
            left = [
                [
                    round((row.refused_at - now).total_seconds())
                    for row in Refusal.objects.filter(
                        conversation_id=conversation, contact_id=contact
                    ).order_by("pk")
                ]
                for conversation, contact, _ in given
            ]
        assert left == [
            [*range(10, 30)],
            [*range(5, 25)],
            [*range(KEPT)],
            [*range(3)],
        ]
