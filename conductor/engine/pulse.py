"""
The pulse: once a second it looks whether any account has work and wakes a worker.

It does no work of its own but the daily tasks, and holds no state that matters: several
may run, and one that dies is missed for as long as it takes to start it again.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.db import DatabaseError, connections, transaction

from accounts.tenancy import lookups, sql
from accounts.tenancy.wake import enqueue
from conductor.heartbeat import BEAT_SECONDS, beat

log = logging.getLogger(__name__)

SECONDS = 1.0
PULSE_LOCK = 7_301

Task = Callable[[datetime], object]


@dataclass
class Pulse:
    """One process's pulse: `clock` reads the time; tasks run once a day, or a minute, each."""

    clock: Callable[[], datetime]
    daily: Sequence[Task] = ()
    minutely: Sequence[Task] = ()
    _alive_at: datetime | None = None
    _minute: datetime | None = None
    _done: dict[int, date] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Beat every second until told to stop; a database that is gone is waited for."""
        while not stop.is_set():
            started = time.monotonic()
            try:
                self.beat(now=self.clock())
            except DatabaseError as problem:
                log.warning("The pulse missed a beat: %s", " ".join(str(problem).split()))
                connections.close_all()
            stop.wait(max(0.0, SECONDS - (time.monotonic() - started)))

    def beat(self, *, now: datetime) -> None:
        """Sign that we live, wake workers for what waits, run the daily tasks once a day."""
        if self._alive_at is None or (now - self._alive_at).total_seconds() >= BEAT_SECONDS:
            beat(part="pulse", now=now)
            self._alive_at = now
        with transaction.atomic():
            # No session state: a task queue may close the connection between two beats.
            if not sql.fetch_value("SELECT pg_try_advisory_xact_lock(%(lock)s)", lock=PULSE_LOCK):
                return
            for work, waits in lookups.waiting_work(now=now).items():
                if waits:
                    enqueue(work, most=workers() if work == "advance" else 1)
        self._run_minutely(now)
        self._run_daily(now)

    def _run_minutely(self, now: datetime) -> None:
        minute = now.replace(second=0, microsecond=0)
        if minute == self._minute:
            return
        self._minute = minute
        for task in self.minutely:
            self._run(task, now)

    def _run_daily(self, now: datetime) -> None:
        for place, task in enumerate(self.daily):
            if self._done.get(place) == now.date():
                continue
            self._done[place] = now.date()
            self._run(task, now)

    def _run(self, task: Task, now: datetime) -> None:
        try:
            task(now)
        except DatabaseError:
            raise
        except Exception:
            log.exception("A task of the clock failed; it is tried again at its next time.")


def workers() -> int:
    """Return how many workers this deployment has."""
    return int(str(settings.Q_CLUSTER["workers"]))
