"""`manage.py pulse`: wake the workers when there is work; runs until it is told to stop."""

import signal
import threading
from typing import Any

from django.utils import timezone

from accounts.commands import SentenceCommand
from conductor.engine.pulse import Pulse
from conductor.schedule import DAILY, MINUTELY


class Command(SentenceCommand):
    """Beat once a second."""

    help = "Wake the workers when there is work, once a second, until told to stop."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        Pulse(clock=timezone.now, daily=DAILY, minutely=MINUTELY).run(stop)
