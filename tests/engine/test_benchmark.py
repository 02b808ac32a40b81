"""`manage.py benchmark engine`: JSON alone on stdout, and nothing left behind."""

import json
import os
import signal
import threading
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.models import Account, List
from accounts.tenancy import in_account, lookups
from conductor.engine import benchmark, benchmark_ground
from conductor.engine import benchmark_account as benchmark_accounts
from conductor.engine.benchmark_account import (
    SLUG,
    BenchmarkRunsError,
    benchmark_account,
    remove_benchmark_account,
)
from conductor.engine.management.commands.benchmark import unwinding_signals
from contacts.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


class TestBenchmark:
    def test_prints_a_figure_and_leaves_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("benchmark", "engine", "--size", "200", "--seed", "3")

        lines = capsys.readouterr().out.splitlines()
        figure = json.loads(lines[0])
        assert len(lines) == 1
        assert set(figure) == {
            "name", "value", "unit", "size", "seconds", "raw", "ratio", "floor", "aim",
            "floor_value", "aim_value", "worker_mb",
        }  # fmt: skip
        assert figure["size"] == 200
        assert figure["worker_mb"] < 300
        assert figure["value"] > 0
        assert figure["ratio"] == pytest.approx(figure["value"] / figure["raw"], rel=0.05)
        assert lookups.account_by_slug(SLUG) is None

    def test_sets_a_step_among_many_beside_one_among_few(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(benchmark, "DEFAULT_SIZE", 100)
        for module in (benchmark, benchmark_ground):
            monkeypatch.setattr(module, "BATCH", 50)

        call_command("benchmark", "engine", "--size", "200")

        few, many, cost = map(json.loads, capsys.readouterr().out.splitlines())
        assert (few["size"], many["size"]) == (100, 200)
        assert cost["value"] == pytest.approx(few["value"] / many["value"], rel=0.05)

    def test_leaves_nothing_when_it_is_stopped(
        self, monkeypatch: pytest.MonkeyPatch, now: datetime
    ) -> None:
        def stop(**_given: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(benchmark, "measure", stop)

        with pytest.raises(CommandError, match="Stopped") as stopped:
            call_command("benchmark", "engine", "--size", "10")

        assert stopped.value.returncode == 130
        assert lookups.account_by_slug(SLUG) is None

    def test_refuses_a_size_of_nothing(self) -> None:
        with pytest.raises(CommandError, match="between 1 and"):
            call_command("benchmark", "engine", "--size", "0")

    def test_takes_a_signal_once(self) -> None:
        with pytest.raises(KeyboardInterrupt), unwinding_signals():
            os.kill(os.getpid(), signal.SIGTERM)


class TestBenchmarkAccount:
    def test_is_flagged_so_that_nobody_else_moves_it(self, now: datetime) -> None:
        with benchmark_account(now=now) as account:
            assert account.is_benchmark
            assert account.pk not in lookups.all_accounts()

    def test_removes_what_a_killed_benchmark_left(self, now: datetime) -> None:
        left = benchmark_accounts._create(now)
        with in_account(left.pk):
            List.objects.create(name="Left", created_at=now)

        with benchmark_account(now=now) as account:
            assert account.pk != left.pk
            with in_account(left.pk):
                assert List.objects.count() == 0
                assert not Account.objects.filter(pk=left.pk).exists()

    def test_is_one_at_a_time(self, now: datetime) -> None:
        refused: list[str] = []

        def begin() -> None:
            try:
                with benchmark_account(now=now):
                    pass
            except BenchmarkRunsError as runs:
                refused.append(str(runs))
            finally:
                connections.close_all()

        with benchmark_account(now=now):
            other = threading.Thread(target=begin)
            other.start()
            other.join()

        assert refused == ["Another benchmark is running; wait for its end."]

    def test_never_removes_another_account(self, acme: Account, now: datetime) -> None:
        assert remove_benchmark_account(acme.pk) == 0

        with in_account(acme.pk):
            assert Account.objects.filter(pk=acme.pk).exists()
            assert Contact.objects.count() == 0
