"""GET /healthz, part by part."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.models import Account
from accounts.tenancy import in_account
from conductor.conversations.models import Conversation
from conductor.health import Probe
from conductor.heartbeat import beat
from tests.factories import EnrollmentFactory, VersionFactory


def soon() -> datetime:
    """Return a moment that is not long ago when the test ends."""
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
class TestHealthz:
    def test_answers_any_host_without_sign_in(self, client: Client) -> None:
        for part in ("worker", "pulse"):
            beat(part=part, now=soon())

        answer = client.get("/healthz", headers={"host": "nobody.knows.example"})

        assert answer.status_code == 200
        assert answer.json()["status"] == "ok"

    def test_names_who_has_not_started(self, client: Client) -> None:
        beat(part="worker", now=soon())

        answer = client.get("/healthz")

        assert answer.status_code == 503
        assert answer.json()["status"] == "failing"
        assert answer.json()["parts"] == {
            "web": "ok",
            "worker": "ok",
            "pulse": "The pulse has not started yet.",
            "database": "ok",
        }

    def test_names_who_fell_silent(self, now: datetime) -> None:
        beat(part="worker", now=now)
        beat(part="pulse", now=now + timedelta(seconds=40))

        health = Probe().look(now=now + timedelta(seconds=41))

        assert health.parts["worker"] == "The worker has been silent for 41 seconds."
        assert health.parts["pulse"] == "ok"

    def test_beats_again_in_the_same_row(self, now: datetime) -> None:
        for seconds in (0, 5, 10):
            beat(part="worker", now=now + timedelta(seconds=seconds))

        health = Probe().look(now=now + timedelta(seconds=20))

        assert health.parts["worker"] == "ok"

    def test_says_how_late_the_engine_is(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            version = VersionFactory()
            Conversation.objects.filter(pk=version.conversation_id).update(published=version)
            for seconds in (12.5, 3, -60):
                EnrollmentFactory(version=version, due_at=now - timedelta(seconds=seconds))
            paused = VersionFactory()
            Conversation.objects.filter(pk=paused.conversation_id).update(
                published=paused, paused_at=now
            )
            EnrollmentFactory(version=paused, due_at=now - timedelta(hours=1))

        health = Probe().look(now=now)

        assert health.due_lag_seconds == 12.5

    def test_leaves_other_addresses_alone(self, client: Client) -> None:
        assert client.get("/healthz/more").status_code == 404
        assert client.post("/healthz").status_code in {403, 404, 405}
