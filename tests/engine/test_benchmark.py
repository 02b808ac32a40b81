"""`manage.py benchmark engine`: JSON alone on stdout, and nothing left behind."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.models import Account, List
from accounts.tenancy import in_account, lookups
from conductor.engine.benchmarks import account as own_account
from conductor.engine.benchmarks import engine, ground, kinds, plans, small
from conductor.engine.benchmarks.account import (
    SLUG,
    BenchmarkRunsError,
    benchmark_account,
    remove_benchmark_account,
)
from conductor.engine.management.commands.benchmark import unwinding_signals
from conductor.engine.pulse import workers
from conductor.steps import step_types
from conductor.steps.action import acts
from contacts.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


class TestBenchmark:
    def test_prints_a_figure_and_leaves_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("benchmark", "engine", "--size", "200", "--seed", "3")

        lines = capsys.readouterr().out.splitlines()
        alone, figure = map(json.loads, lines)
        assert set(figure) == {
            "name", "value", "unit", "size", "seconds", "raw", "ratio", "workers", "floor", "aim",
            "floor_value", "aim_value", "worker_mb",
        }  # fmt: skip
        assert (alone["workers"], figure["workers"]) == (1, workers())
        assert figure["size"] == 200
        # Of this process, which has run other tests before.
        assert figure["worker_mb"] > 0
        assert figure["value"] > 0
        assert figure["ratio"] == pytest.approx(figure["value"] / figure["raw"], rel=0.05)
        assert lookups.account_by_slug(SLUG) is None
        assert lookups.account_by_slug(f"{SLUG}-2") is None

    def test_sets_a_step_among_many_beside_one_among_few(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "DEFAULT_SIZE", 100)
        for module in (engine, ground):
            monkeypatch.setattr(module, "BATCH", 50)

        call_command("benchmark", "engine", "--size", "200")

        _, few, many, cost = map(json.loads, capsys.readouterr().out.splitlines())
        assert (few["size"], many["size"]) == (100, 200)
        assert cost["value"] == pytest.approx(few["value"] / many["value"], rel=0.05)

    def test_leaves_nothing_when_it_is_stopped(
        self, monkeypatch: pytest.MonkeyPatch, now: datetime
    ) -> None:
        def stop(**_given: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(engine, "measure", stop)

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


class TestKinds:
    def test_has_a_sample_of_every_kind_and_act(self) -> None:
        types = step_types().keys() - {"promotion", "action"}
        wanted = types | {f"action {name}" for name in acts()}

        assert wanted <= kinds.SAMPLES.keys()

    def test_moves_everybody_at_every_kind(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = kinds.SAMPLES
        some = {name: written[name] for name in ("wait", "trigger", "action set_coupon", "webhook")}
        monkeypatch.setattr(kinds, "SAMPLES", some)

        call_command("benchmark", "kinds", "--size", "10")

        figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [figure["name"].removeprefix("engine step ") for figure in figures] == [*some]
        assert figures[0]["of_wait"] == 1
        assert "floor" not in figures[-1]


class TestPlans:
    def test_prints_a_plan_for_each_statement_of_a_tick(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("benchmark", "plans", "--size", "6000")

        figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {figure["name"] for figure in figures} == {
            f"plan of {name}" for name in plans.STATEMENTS
        }
        printed = {figure["name"]: "\n".join(figure["plan"]) for figure in figures}
        assert "enrollment_due" in printed["plan of claim_due"]
        assert "intake_in_order" in printed["plan of take_facts"]
        assert "conversations_enrollment" not in figures[1]["scans"]


class TestParked:
    @pytest.mark.parametrize("subject", ["parked", "ended"])
    def test_finds_a_hundred_among_those_that_wait_or_have_ended(
        self, capsys: pytest.CaptureFixture[str], subject: str
    ) -> None:
        call_command("benchmark", subject, "--size", "3000")

        figure = json.loads(capsys.readouterr().out)
        assert figure["size"] == 3000
        assert 0 < figure["value"] <= figure["worst"]


class TestSmall:
    def test_serves_each_account_once_and_removes_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("benchmark", "small", "--size", "12")

        figure = json.loads(capsys.readouterr().out)
        assert figure["size"] == 12
        assert 0 < figure["look_up"] < figure["value"]
        assert lookups.account_by_slug(f"{small.SLUG}1") is None

    def test_is_not_seen_by_workers(self, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        serve_all = small._serve_all

        def look_from_outside(at: datetime) -> tuple[int, float]:
            with ThreadPoolExecutor(1) as elsewhere:
                seen.append(elsewhere.submit(_due_elsewhere, at).result())
            return serve_all(at)

        monkeypatch.setattr(small, "_serve_all", look_from_outside)

        call_command("benchmark", "small", "--size", "2")

        assert seen == [[]]


def _due_elsewhere(at: datetime) -> list[int]:
    try:
        return lookups.due_accounts(now=at, most=10)
    finally:
        connections.close_all()


class TestBenchmarkAccount:
    def test_is_flagged_so_that_nobody_else_moves_it(self, now: datetime) -> None:
        with benchmark_account(now=now) as account:
            assert account.is_benchmark
            assert account.pk not in lookups.all_accounts()

    def test_removes_what_a_killed_benchmark_left(self, now: datetime) -> None:
        left = own_account._create(now)
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
