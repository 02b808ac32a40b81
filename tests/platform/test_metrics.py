"""GET /metrics: figures from the database, for whoever may read them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import Account
from accounts.tenancy import in_account, lookups
from conductor.conversations.models import Conversation, Turn
from conductor.metrics import STATES_SECONDS, Figures
from contacts.models import Intake
from tests.factories import DeliveryFactory, EnrollmentFactory, VersionFactory

pytestmark = pytest.mark.django_db(transaction=True)

Read = Callable[..., Any]


@pytest.fixture
def read(client: Client) -> Read:
    """Read /metrics with the given headers."""
    return lambda **given: client.get("/metrics", **given)


def figure(answer: HttpResponse, name: str) -> float:
    """Return the value of one line."""
    lines = dict(
        line.rsplit(" ", 1) for line in answer.content.decode().splitlines() if line[0] != "#"
    )
    return float(lines[name])


class TestMetrics:
    def test_names_the_account_that_is_late(
        self, read: Read, acme: Account, globex: Account
    ) -> None:
        now = datetime.now(UTC)
        for account, seconds in ((acme, 40), (globex, -3600)):
            with in_account(account.pk):
                version = VersionFactory()
                Conversation.objects.filter(pk=version.conversation_id).update(published=version)
                EnrollmentFactory(version=version, due_at=now - timedelta(seconds=seconds))

        answer = read()

        lag = figure(answer, f'conductor_engine_lag_seconds{{account="{acme.pk}"}}')
        assert 40 <= lag < 600
        assert figure(answer, "conductor_engine_lag_seconds_max") == lag
        assert f'account="{globex.pk}"' not in answer.content.decode()

    def test_counts_ticks_steps_and_deliveries_over_all_accounts(
        self, read: Read, acme: Account, globex: Account, now: datetime
    ) -> None:
        for account in (acme, globex):
            with in_account(account.pk):
                Turn.objects.create(served_at=now, ticks=3, steps=50)
                DeliveryFactory(state="sent")
                DeliveryFactory(state="queued", sent_at=None)
                DeliveryFactory(state="sent", is_test=True)

        states = Figures().collect()

        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in states
            for sample in family.samples
        }
        assert found[("conductor_ticks_total",)] == 6
        assert found[("conductor_contact_steps_total",)] == 100
        assert found[("conductor_deliveries", "sent")] == 2
        assert found[("conductor_queue", "messages")] == 2

    def test_counts_facts_that_wait_for_a_worker_and_no_others(
        self, acme: Account, now: datetime
    ) -> None:
        with in_account(acme.pk):
            for paused_at in (None, now):
                version = VersionFactory()
                Conversation.objects.filter(pk=version.conversation_id).update(
                    published=version, paused_at=paused_at
                )
                Intake.objects.create(
                    conversation_id=version.conversation_id,
                    kind="import",
                    contact_id=1,
                    occurred_at=now,
                    recorded_at=now,
                )

        assert lookups.queues()["facts"] == 1

    def test_counts_deliveries_of_all_times_once_a_minute(self, acme: Account) -> None:
        moments = iter([0, STATES_SECONDS - 1, STATES_SECONDS])
        figures = Figures(clock=lambda: next(moments))

        counted = []
        for _ in range(3):
            with in_account(acme.pk):
                DeliveryFactory()
            counted.append(figures._delivery_states()["sent"])

        assert counted == [1, 1, 3]


class TestAccess:
    @pytest.mark.parametrize(
        "given",
        [
            {"REMOTE_ADDR": "192.0.2.7"},
            {"headers": {"x-forwarded-for": "192.0.2.7"}},
            {"headers": {"forwarded": "for=192.0.2.7"}},
        ],
    )
    def test_is_for_the_machine_itself(self, read: Read, given: dict[str, str]) -> None:
        assert read().status_code == 200
        assert read(**given).status_code == 404

    def test_is_closed_behind_a_proxy_without_a_token(self, read: Read, settings) -> None:
        settings.PROXIES = 1

        assert read().status_code == 404

    @pytest.mark.parametrize(
        ("sent", "status"), [("Bearer secret", 200), ("Bearer secre", 404), ("", 404)]
    )
    def test_asks_for_the_token(self, read: Read, settings, sent: str, status: int) -> None:
        settings.METRICS_TOKEN = "secret"

        answer = read(headers={"authorization": sent}, REMOTE_ADDR="192.0.2.7")

        assert answer.status_code == status
