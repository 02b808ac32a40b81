"""
A deliverer that is killed with SIGKILL: run by `Mother` with PORT, CLOCK and MOMENT.

What it does until then is the real thing, against the other side at PORT, by a clock that
stands at CLOCK. MOMENT is a number of milliseconds, or a point: reading (within the reading's
transaction), claiming (within the claim's), claimed (nothing called yet), called (answered,
nothing written down), writing, written.
"""

import os
import signal
import sys
import threading
import time
from datetime import datetime
from typing import Any

from django.conf import settings

from conductor.webhooks import delivering

POINTS = {
    "claiming": "prepared",
    "claimed": "start",
    "writing": "write_outcomes",
}
# Where the work itself is done, and nothing after it.
MADE = {"reading": "read", "called": "make", "written": "write_outcomes"}
# Longer than any wait of the tests: a point that is never reached ends otherwise.
LONG = 100.0


def die(*_arguments: Any, **_named: Any) -> None:
    """Leave no time for anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(real: Any) -> Any:
    """Wrap a function so that it does its work and nothing comes after it."""

    def last(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        die()

    return last


def end_in(seconds: float, end: Any) -> None:
    """End this process after so long."""

    def wait() -> None:
        time.sleep(seconds)
        end(3)

    threading.Thread(target=wait, daemon=True).start()


port, moment_of_clock, moment = sys.argv[1:4]
settings.OUTGOING_ALLOW = [f"127.0.0.1:{port}"]
if moment in POINTS:
    setattr(delivering, POINTS[moment], die)
elif moment in MADE:
    setattr(delivering, MADE[moment], dying_after(getattr(delivering, MADE[moment])))
end_in(*((int(moment) / 1000, die) if moment.isdecimal() else (LONG, os._exit)))
at = datetime.fromisoformat(moment_of_clock)
delivering.Deliverer(clock=lambda: at).run(threading.Event())
