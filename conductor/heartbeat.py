"""
Signs of life: the worker and the pulse each write a row every five seconds.

A worker of django-q2 beats from a thread, so that a long task does not look like a dead
worker; the thread falls silent when the cluster above it has died, since a worker
without its cluster gets no work.
"""

import logging
import os
import threading
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connections
from django.utils import timezone

from accounts.models import Heartbeat

BEAT_SECONDS = 5.0
SILENT_SECONDS = 20.0

log = logging.getLogger(__name__)


def beat(*, part: str, now: datetime) -> None:
    """Write that `part` lives at `now`; one small statement."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(part=part, beat_at=now)],
        update_conflicts=True,
        update_fields=["beat_at"],
        unique_fields=["part"],
    )


def watch_workers() -> None:
    """Have every worker beat that django-q2 forks in this process."""
    # django-q2 imports models, and must not while the apps are still loading.
    from django_q.signals import post_spawn

    post_spawn.connect(start_beating, dispatch_uid="conductor.heartbeat")


def start_beating(**_signal: Any) -> None:
    """Start the thread of a worker that has just been forked."""
    threading.Thread(
        target=beat_while_alive, args=["worker", os.getppid()], daemon=True, name="heartbeat"
    ).start()


def beat_while_alive(part: str, parent: int) -> None:
    """Beat every five seconds for as long as our parent process lives."""
    sleeper = threading.Event()
    while os.getppid() == parent:
        try:
            beat(part=part, now=timezone.now())
        except DatabaseError as problem:
            log.warning("The %s could not write its heartbeat: %s", part, problem)
            connections.close_all()
        sleeper.wait(BEAT_SECONDS)
