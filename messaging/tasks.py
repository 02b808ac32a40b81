"""Tasks of django-q2: coarse, found by name in `accounts.tenancy.wake`."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.utils import timezone

from accounts.tenancy import in_account, sql
from accounts.tenancy.places import place
from accounts.tenancy.wake import enqueue
from messaging.sending.broadcasts import due_broadcasts, note_failure, send_some
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.sender import serve

RUN_SECONDS = 1.0
MOST_ACCOUNTS = 200
# How often the companion of the bulk lane looks for what is urgent.
LOOK_SECONDS = 0.25
# Advisory locks from here on, one for each worker that may send in bulk at the same time.
FIRST_PLACE = 7_500

log = logging.getLogger(__name__)


def send() -> None:
    """
    Send for about a second, the least recently served accounts first; then come back.

    What is urgent is looked for meanwhile by a thread of its own, so that it waits neither
    behind a long batch nor for a free worker. One worker stays free for the engine, where
    there are several: whoever sends already takes what is left, too. A task that is lost or
    run twice changes nothing: the deliveries are the queue.
    """
    if not sending_accounts(now=timezone.now(), most=1):
        return
    with place(FIRST_PLACE) as is_free:
        if not is_free:
            return
        with Heart(timezone.now) as heart, Companion(heart):
            left = run_lane(Lane.BULK, heart)
    if left:
        enqueue("send")


def send_urgent() -> None:
    """Send what somebody waits for: tests, replies, transactional messages."""
    if not sending_accounts(now=timezone.now(), most=1, lane=Lane.URGENT):
        return
    with Heart(timezone.now) as heart:
        left = run_lane(Lane.URGENT, heart)
    if left:
        enqueue("urgent")


def send_broadcasts(now: datetime | None = None) -> bool:
    """
    Hand broadcasts to the outbox for about a second, a batch of each account in turn.

    What is left is queued again; a task that is lost or run twice changes nothing. Returns
    whether there was anything to do.
    """
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_broadcast_accounts(%(now)s)", now=now or timezone.now()
    )
    accounts = [row[0] for row in rows]
    end = time.monotonic() + RUN_SECONDS
    while accounts and time.monotonic() < end:
        account_id = accounts.pop(0)
        if broadcast_some(account_id, now or timezone.now()):
            accounts.append(account_id)
    if accounts:
        enqueue("broadcast")
    return bool(rows)


def broadcast_some(account_id: int, now: datetime) -> bool:
    """
    Hand a batch of an account's oldest broadcast to the outbox; say whether more is due.

    One that cannot be sent keeps none of the others from it, and is not tried for ever.
    """
    with in_account(account_id):
        due = due_broadcasts(now=now)
    for number, broadcast_id in enumerate(due, start=1):
        try:
            with in_account(account_id):
                return send_some(broadcast_id, now=now) or number < len(due)
        except (InterfaceError, OperationalError):
            raise
        except Exception as broken:
            log.exception("Broadcast %s of account %s was not sent.", broadcast_id, account_id)
            with in_account(account_id):
                note_failure(broadcast_id, reason=type(broken).__name__, now=now)
    return False


def run_lane(lane: Lane, heart: Heart) -> bool:
    """Serve the accounts of a lane in turns for about a second; say whether work is left."""
    accounts = sending_accounts(now=timezone.now(), lane=lane)
    end = time.monotonic() + RUN_SECONDS
    while accounts and time.monotonic() < end:
        account_id = accounts.pop(0)
        if serve_one(account_id, lane, heart):
            accounts.append(account_id)
    return bool(accounts)


def serve_one(account_id: int, lane: Lane, heart: Heart) -> bool:
    """Serve one account; what is wrong with it is not the others' matter."""
    try:
        return serve(account_id, heart=heart, clock=timezone.now, lane=lane)
    except DatabaseError:
        raise
    except Exception:
        log.exception("The messages of account %s could not be sent.", account_id)
        return False


class Companion:
    """Serves the urgent lane from a thread for as long as the bulk lane is served."""

    def __init__(self, heart: Heart, *, look: Callable[[], bool] | None = None) -> None:
        self.heart = heart
        self.look = look or self.serve
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True, name="urgent lane")

    def __enter__(self) -> "Companion":
        """Begin to look."""
        self.thread.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        """Finish what was begun."""
        self.ended.set()
        self.thread.join()

    def run(self) -> None:
        """Look four times a second; a failure is not the bulk lane's."""
        try:
            while not self.ended.is_set():
                try:
                    more = self.look()
                except Exception:
                    log.exception("The urgent lane was given up for now.")
                    connections.close_all()
                    more = False
                if not more:
                    self.ended.wait(LOOK_SECONDS)
        finally:
            connections.close_all()

    def serve(self) -> bool:
        """Serve each account with urgent messages once; say whether more may wait."""
        accounts = sending_accounts(now=timezone.now(), lane=Lane.URGENT)
        more = [serve_one(account_id, Lane.URGENT, self.heart) for account_id in accounts]
        return any(more)


def sending_accounts(
    *, now: datetime, most: int = MOST_ACCOUNTS, lane: Lane = Lane.BULK
) -> list[int]:
    """Return the ids of accounts with messages in a lane, the least recently served first."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_sending_accounts(%(now)s, %(most)s, %(is_urgent)s)",
        now=now,
        most=most,
        is_urgent=lane is Lane.URGENT,
    )
    return [row[0] for row in rows]
