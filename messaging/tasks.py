"""Tasks of django-q2: coarse, found by name in `accounts.tenancy.wake`."""

import time
from datetime import datetime

from django.utils import timezone

from accounts.tenancy import sql
from accounts.tenancy.wake import enqueue
from messaging.sending.heart import Heart
from messaging.sending.sender import serve

RUN_SECONDS = 1.0
MOST_ACCOUNTS = 200


def send() -> None:
    """
    Send for about a second, the least recently served accounts first; then come back.

    A task that is lost or run twice changes nothing: the deliveries are the queue.
    """
    accounts = sending_accounts(now=timezone.now())
    if not accounts:
        return
    end = time.monotonic() + RUN_SECONDS
    left = False
    with Heart(timezone.now) as heart:
        while accounts and time.monotonic() < end:
            account_id = accounts.pop(0)
            if serve(account_id, heart=heart, clock=timezone.now):
                accounts.append(account_id)
        left = bool(accounts)
    if left:
        enqueue("send")


def sending_accounts(*, now: datetime, most: int = MOST_ACCOUNTS) -> list[int]:
    """Return the ids of accounts with messages to send, the least recently served first."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_sending_accounts(%(now)s, %(most)s)", now=now, most=most
    )
    return [row[0] for row in rows]
