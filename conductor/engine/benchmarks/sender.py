"""
A sender of the benchmark: `python -m conductor.engine.benchmarks.sender ACCOUNT LANE [HOST]`.

It says that it is ready, waits for a line, sends until nothing is queued and prints its
memory in MB. With the lane `both` it is what the task `send` is: bulk, and beside it the
companion of the urgent lane, until it is killed. With `constant PORT NUMBER` it sends one message
so many times over one connection, and prints how many were taken: the raw limit.
"""

import logging
import resource
import sys
import time
from datetime import UTC, datetime

import django

IDLE_SECONDS = 0.01
BATCH = 500
# With its MIME as long as one of ours.
SAME = (
    "<p>Hi Grace, the shoes that you looked at are waiting in Store Customers. We keep them for "
    "you until Sunday, together with the socks.</p>"
)


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


def constant(port: int, number: int) -> None:
    """Hand one message over so many times; print how many were taken."""
    from messaging.mime import Envelope, Letter, Skeleton
    from messaging.providers import Outgoing
    from messaging.providers.smtp import Smtp

    letter = Letter("Still thinking it over?", "Acme", SAME * 21, "Your shoes are waiting.")
    envelope = Envelope(to="grace@mail.example", message_id="1@acme.example", at=clock())
    message = Outgoing(
        delivery_id=1,
        account_id=1,
        channel="email",
        address="grace@mail.example",
        sender="shop@acme.example",
        raw=Skeleton(from_email="shop@acme.example", reply_to="").fill(letter, envelope),
    )
    carrier = Smtp(Smtp.clean({"host": "127.0.0.1", "port": port, "security": "none"}))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    taken = 0
    while taken < number:
        batch = [message] * min(BATCH, number - taken)
        sent = sum(outcome.state == "sent" for outcome in carrier.send(batch, now=clock()))
        if not sent:
            break
        taken += sent
    sys.stdout.write(f"{taken}\n")


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
    account_id, lane, *more = arguments
    if lane == "constant":
        constant(*map(int, more))
        return
    settings.OUTGOING_ALLOW = more
    if lane == "both":
        both(int(account_id))
    else:
        drain(int(account_id), lane)


if __name__ == "__main__":
    main(sys.argv[1:])
