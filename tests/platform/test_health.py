"""GET /healthz, part by part."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from conductor.health import Probe
from conductor.heartbeat import beat


@pytest.mark.django_db(transaction=True)
class TestHealthz:
    def test_answers_any_host_without_sign_in(self, client: Client) -> None:
        now = datetime.now(UTC)
        for part in ("worker", "pulse"):
            beat(part=part, now=now)

        answer = client.get("/healthz", headers={"host": "nobody.knows.example"})

        assert answer.status_code == 200
        assert answer.json()["status"] == "ok"

    def test_names_who_has_not_started(self, client: Client) -> None:
        beat(part="worker", now=datetime.now(UTC))

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

    def test_leaves_other_addresses_alone(self, client: Client) -> None:
        assert client.get("/healthz/more").status_code == 404
        assert client.post("/healthz").status_code in {403, 404, 405}
