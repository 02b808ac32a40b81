"""
The pulse: once a second it looks whether any account has work and wakes a worker.

It does no work of its own, and holds no state that matters: several may run, and one that
dies is missed for as long as it takes to start it again. What happens by the clock
(`conductor.schedule`) runs beside it, in a thread: a mail server that does not answer must
not keep it from beating. Of that thread there is one at a time; a minute that finds it
busy is passed over.
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
from conductor.engine.faults import place_of
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
    # What runs beside it, for whoever wants to see it end.
    beside: threading.Thread | None = None
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
                log.warning("The pulse missed a beat: %s", place_of(problem))
                connections.close_all()
            stop.wait(max(0.0, SECONDS - (time.monotonic() - started)))

    def beat(self, *, now: datetime) -> None:
        """Sign that we live, wake workers for what waits, begin what the clock wants."""
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
        self._run_clock(now)

    def _run_clock(self, now: datetime) -> None:
        """Begin what the clock wants by now, unless the last of it is still under way."""
        if self.beside is not None and self.beside.is_alive():
            return
        minute = now.replace(second=0, microsecond=0)
        minutely = () if minute == self._minute else self.minutely
        self._minute = minute
        if minutely or self._due_today(now):
            self.beside = threading.Thread(
                target=self._run_all, args=[minutely, now], name="clock", daemon=True
            )
            self.beside.start()

    def _due_today(self, now: datetime) -> list[int]:
        """Return the places of the daily tasks that were not begun today."""
        return [place for place, _ in enumerate(self.daily) if self._done.get(place) != now.date()]

    def _run_all(self, minutely: Sequence[Task], now: datetime) -> None:
        """Run tasks one after another; what a lost database kept from beginning is due again."""
        try:
            for task in minutely:
                self._run(task, now)
            for place in self._due_today(now):
                self._done[place] = now.date()
                self._run(self.daily[place], now)
        except DatabaseError as problem:
            log.warning("The clock missed a task: %s", place_of(problem))
        finally:
            connections.close_all()

    def _run(self, task: Task, now: datetime) -> None:
        try:
            task(now)
        except DatabaseError:
            raise
        except Exception as problem:
            log.error("A task of the clock failed, and is due again: %s", place_of(problem))


def workers() -> int:
    """Return how many workers this deployment has."""
    return int(str(settings.Q_CLUSTER["workers"]))
