"""
A sender of the benchmark: `python -m conductor.engine.benchmarks.sender ACCOUNT LANE [HOST]`.

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

IDLE_SECONDS = 0.01


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def drain(account_id: int, lane: str) -> None:
    """Send one lane until nothing is left."""
    from messaging.sending.heart import Heart
    from messaging.sending.lanes import Lane
    from messaging.sending.sender import serve

    warm_up()
    with Heart(clock) as heart:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        while serve(account_id, heart=heart, clock=clock, lane=Lane(lane)) or waiting(account_id):
            pass
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")


def warm_up() -> None:
    """Be as a worker is that has sent before: providers are loaded, the renderer runs."""
    from messaging import rendering
    from messaging.providers import carriers

    carriers()
    rendering.render({"text": ("{{ contact.first_name }}", False)}, [{"contact": {}}])


def waiting(account_id: int) -> bool:
    """Say whether anything is queued; wait a moment for what other senders hold."""
    from accounts.tenancy import in_account
    from messaging.models import Delivery

    with in_account(account_id):
        is_queued = Delivery.objects.filter(state="queued").exists()
    if is_queued:
        time.sleep(IDLE_SECONDS)
    return is_queued


def both(account_id: int) -> None:
    """Send both lanes as the task does."""
    from messaging.sending.heart import Heart
    from messaging.sending.lanes import Lane
    from messaging.sending.sender import serve
    from messaging.tasks import Companion

    with Heart(clock) as heart:

        def look() -> bool:
            return serve(account_id, heart=heart, clock=clock, lane=Lane.URGENT)

        warm_up()
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
