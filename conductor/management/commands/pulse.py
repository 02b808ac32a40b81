"""
`manage.py pulse`: wake the workers when there is work; runs until it is told to stop.

Beside the pulse, in threads, webhook steps' calls are made and endpoints are told what
happened: all mostly wait for others.
"""

import signal
import threading
from typing import Any

from django.utils import timezone

from accounts.commands import SentenceCommand
from conductor.engine.calls import STOP_SECONDS, Caller
from conductor.engine.pulse import Pulse
from conductor.schedule import DAILY, MINUTELY
from conductor.webhooks.delivering import Deliverer


class Command(SentenceCommand):
    """Beat once a second."""

    help = "Wake the workers when there is work, once a second, until told to stop."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        beside = [
            threading.Thread(target=caller.run, args=[stop], name=name, daemon=True)
            for name, caller in {
                "caller": Caller(clock=timezone.now),
                "deliverer": Deliverer(clock=timezone.now),
            }.items()
        ]
        for thread in beside:
            thread.start()
        Pulse(clock=timezone.now, daily=DAILY, minutely=MINUTELY).run(stop)
        for thread in beside:
            thread.join(timeout=STOP_SECONDS * 2)
