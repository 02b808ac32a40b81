"""
A sender of the benchmark: `python -m conductor.engine.benchmark_sender ACCOUNT LANE [HOST]`.

It says that it is ready, waits for a line, sends until nothing is queued and prints its
memory in MB. With the lane `both` it is what the task `send` is: bulk, and beside it the
companion of the urgent lane, until it is killed.
"""

import logging
import resource
import sys
import time
from datetime import UTC, datetime

import django

IDLE_TURNS = 5


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def drain(account_id: int, lane: str) -> None:
    """Send one lane until nothing is left."""
    from messaging.sending.heart import Heart
    from messaging.sending.lanes import Lane
    from messaging.sending.sender import serve

    with Heart(clock) as heart:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        idle = 0
        while idle < IDLE_TURNS:
            more = serve(account_id, heart=heart, clock=clock, lane=Lane(lane))
            idle = 0 if more else idle + 1
            if not more:
                time.sleep(0.02)
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")


def both(account_id: int) -> None:
    """Send both lanes as the task does."""
    from messaging.sending.heart import Heart
    from messaging.sending.lanes import Lane
    from messaging.sending.sender import serve
    from messaging.tasks import Companion

    with Heart(clock) as heart:

        def look() -> bool:
            return serve(account_id, heart=heart, clock=clock, lane=Lane.URGENT)

        with Companion(heart, look=look):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            while True:
                serve(account_id, heart=heart, clock=clock, lane=Lane.BULK)


def main(arguments: list[str]) -> None:
    """Be a sender."""
    django.setup()
    from django.conf import settings

    logging.disable(logging.INFO)
    account_id, lane, *allowed = arguments
    settings.OUTGOING_ALLOW = allowed
    if lane == "both":
        both(int(account_id))
    else:
        drain(int(account_id), lane)


if __name__ == "__main__":
    main(sys.argv[1:])
