"""
A process that hands a broadcast to the outbox and kills itself: run by `Mother` with POINT.

POINT is `written` (a batch is written, not committed) or `between` (the first batch of three is
committed, the second is written).
"""

import os
import signal
import sys
from itertools import count
from typing import Any

from messaging import tasks
from messaging.sending import broadcasts

point = sys.argv[1]
real, calls = broadcasts.send_some, count(1)


def send_some(broadcast_id: int, **named: Any) -> bool:
    """Hand three over; die before that is committed, the first time or the second."""
    more = real(broadcast_id, most=3, **named)
    if next(calls) == {"written": 1, "between": 2}[point]:
        os.kill(os.getpid(), signal.SIGKILL)
    return more


setattr(tasks, "send_some", send_some)  # noqa: B010 - it is imported there
tasks.send_broadcasts()
