"""
`manage.py benchmark SUBJECT [--size N]`: a JSON line a figure; `--help` names the subjects.

Runs in an account of its own, flagged so that pulse and workers pass it over; it is
removed at the end, after Ctrl-C too. Only `fairness` and `segments_entered` are worked by
the cluster that runs. Each figure stands beside what plain SQL reaches on
the same machine: `ratio` is ours by that limit, 1.0 is the limit itself.
"""

import importlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.commands import SentenceCommand
from conductor.engine.benchmarks.account import BenchmarkRunsError, benchmark_account
from conductor.engine.benchmarks.running import NotRunningError

MEASURES = {
    "import": "contacts.imports.benchmark",
    "segment": "contacts.filters.benchmark",
    "engine": "conductor.engine.benchmarks.engine",
    "parked": "conductor.engine.benchmarks.parked",
    "ended": "conductor.engine.benchmarks.ended",
    "small": "conductor.engine.benchmarks.small",
    "plans": "conductor.engine.benchmarks.plans",
    "kinds": "conductor.engine.benchmarks.kinds",
    "deliver": "conductor.engine.benchmarks.deliver",
    "redirects": "conductor.engine.benchmarks.redirects",
    "api": "conductor.engine.benchmarks.api",
    "fairness": "conductor.engine.benchmarks.fairness",
    "segments_entered": "conductor.engine.benchmarks.segments",
}


class Command(SentenceCommand):
    """Measure, print, leave nothing behind."""

    help = "Measure imports, segments, the engine and sending on this machine, against plain SQL."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to measure, how much of it, and the seed of what is made up."""
        parser.add_argument("subject", choices=sorted(MEASURES))
        parser.add_argument("--size", type=int, help="how many rows, contacts or subscriptions")
        parser.add_argument("--seed", type=int, default=1, help="the same seed, the same people")

        parser.add_argument("--bulk", type=int, help="deliver: what an urgent message overtakes")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print a JSON line per figure on stdout; everything else goes to stderr."""
        size = options["size"]
        if size is not None and not 1 <= size <= 10_000_000:
            raise CommandError("--size is between 1 and 10,000,000.")
        measure = importlib.import_module(MEASURES[options["subject"]]).measure
        given = {"seed": options["seed"]} | ({} if size is None else {"size": size})
        if options["bulk"] is not None and options["subject"] == "deliver":
            given["bulk"] = options["bulk"]
        now = timezone.now()
        try:
            with unwinding_signals(), benchmark_account(now=now) as account:
                for figure in measure(account=account, now=now, **given):
                    self.stdout.write(json.dumps(figure))
                    self.stdout.flush()
                print("Removing the benchmark's account ...", file=sys.stderr)
        except (BenchmarkRunsError, NotRunningError) as runs:
            raise CommandError(str(runs)) from runs
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped; nothing of the benchmark is left.", returncode=130
            ) from None


@contextmanager
def unwinding_signals() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM unwind the stack; removing is not interrupted."""

    def unwind(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    former = {number: signal.signal(number, unwind) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
