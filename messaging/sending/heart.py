"""A sender's signs of life: while it beats, nobody settles its batches."""

import gc
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from django.db import DatabaseError, connections

from accounts.models import Heartbeat

BEAT_SECONDS = 10.0
# So many new objects, and garbage is looked for: a batch makes thousands and next to none.
YOUNG = 20_000
SILENT_SECONDS = 40.0  # a sender this silent stops, well before others settle its batch

log = logging.getLogger(__name__)


class Heart:
    """Beats from a thread of its own, since a slow mail server must not look like death."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        host = socket.gethostname()[:40]
        self.sender = f"sender {host} {os.getpid()} {secrets.token_hex(4)}"
        self.clock = clock
        self.last = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.keep_beating, daemon=True, name="sender heart")

    def __enter__(self) -> "Heart":
        """Beat once before anything is claimed, then keep beating."""
        spare_the_collector()
        self.beat()
        # Rows of senders that were killed: they have done their service long ago.
        Heartbeat.objects.filter(
            part__startswith="sender ", beat_at__lt=self.clock() - timedelta(days=1)
        ).delete()
        self.thread.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        """Fall silent; what is still claimed then is settled by others."""
        self.ended.set()
        self.thread.join(timeout=5)
        Heartbeat.objects.filter(part=self.sender).delete()

    @property
    def is_beating(self) -> bool:
        """Say whether others still see us alive."""
        return time.monotonic() - self.last < SILENT_SECONDS

    def beat(self) -> None:
        """Write one sign of life."""
        Heartbeat.objects.bulk_create(
            [Heartbeat(part=self.sender, beat_at=self.clock())],
            update_conflicts=True,
            update_fields=["beat_at"],
            unique_fields=["part"],
        )
        self.last = time.monotonic()

    def keep_beating(self) -> None:
        """Beat every ten seconds until the sender ends."""
        try:
            while not self.ended.wait(BEAT_SECONDS):
                try:
                    self.beat()
                except DatabaseError as problem:
                    log.warning("The sender could not write its heartbeat: %s", problem)
                    connections.close_all()
        finally:
            connections.close_all()


@cache
def spare_the_collector() -> None:
    """
    Have Python look for garbage among what a sender makes, not in all that its process has loaded.

    Looking through all of it was 6% of a sender's time.
    """
    gc.freeze()
    young, *older = gc.get_threshold()
    gc.set_threshold(max(young, YOUNG), *older)
