"""`manage.py benchmark fairness|segments_entered`: accounts that the running workers serve."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.models import Account, Heartbeat
from accounts.tenancy import in_account, lookups
from conductor.engine import tasks
from conductor.engine.benchmarks import account as own_account
from conductor.engine.benchmarks import fairness, running, segments

pytestmark = pytest.mark.django_db(transaction=True)


def beat() -> None:
    """Leave the signs of life of a pulse and a worker."""
    for part in running.PARTS:
        # It lives for as long as the test may take.
        Heartbeat.objects.create(part=part, beat_at=datetime.now(UTC) + timedelta(hours=1))


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker that serves whoever has something to do."""
    beat()
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                tasks.advance()
                time.sleep(0.01)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join(120)


class TestFairness:
    @pytest.mark.usefixtures("worker")
    def test_prints_how_long_single_contacts_waited(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fairness, "ENTRIES", 2)

        call_command("benchmark", "fairness", "--size", "20")

        figure = json.loads(capsys.readouterr().out)
        assert (figure["size"], figure["contacts"]) == (20, 2)
        assert figure["p50"] <= figure["p99"] == figure["value"] == figure["worst"]
        assert lookups.account_by_slug(own_account.SLUG) is None
        assert lookups.account_by_slug(f"{own_account.SLUG}-other") is None


class TestSegmentsEntered:
    @pytest.mark.usefixtures("worker")
    def test_prints_how_long_it_took_to_enter(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(segments, "EVENTS", 2)

        call_command("benchmark", "segments_entered", "--size", "20")

        figure = json.loads(capsys.readouterr().out)
        assert (figure["size"], figure["events"]) == (20, 2)
        assert figure["p50"] <= figure["p99"] == figure["value"] == figure["worst"]
        assert lookups.account_by_slug(own_account.SLUG) is None

    def test_wants_a_running_cluster(self) -> None:
        with pytest.raises(CommandError, match="start bin/up beside this"):
            call_command("benchmark", "segments_entered", "--size", "5")

        assert lookups.account_by_slug(own_account.SLUG) is None


class TestWorkedOn:
    def test_takes_the_flag_off_for_as_long(self, now: datetime) -> None:
        beat()
        with own_account.benchmark_account(now=now) as account:
            with running.worked_on(account, now=datetime.now(UTC)):
                assert account.pk in lookups.all_accounts()
            assert account.pk not in lookups.all_accounts()

    def test_of_a_killed_benchmark_is_taken_back(self, now: datetime) -> None:
        left = own_account._create(now)
        running._flag(left, is_benchmark=False)

        with own_account.benchmark_account(now=now) as account:
            assert account.pk != left.pk
            with in_account(left.pk):
                assert not Account.objects.filter(pk=left.pk).exists()

    def test_never_takes_an_account_with_members(self, acme: Account, now: datetime) -> None:
        with in_account(acme.pk):
            Account.objects.update(name=own_account.NAME, slug=own_account.SLUG)

        with own_account.benchmark_account(now=now) as account:
            assert account.slug != own_account.SLUG

        with in_account(acme.pk):
            assert Account.objects.filter(pk=acme.pk, is_benchmark=False).exists()


class TestPercentile:
    @pytest.mark.parametrize(("share", "found"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0)])
    def test_is_what_so_many_do_not_exceed(self, share: float, found: float) -> None:
        assert running.percentile([4.0, 1.0, 3.0, 2.0], share) == found


class TestClock:
    def test_goes_on_from_where_it_began(self, now: datetime) -> None:
        clock = running.Clock(now)

        assert now <= clock() < now + timedelta(seconds=60)
