"""
Opens and clicks, written down before they are answered, many with one commit.

Whoever asks waits until the group that its hit is in has been committed: a web process that is
killed after it has answered has lost nothing. While a group is being written, those that come
gather for the next. A database that is gone for a moment loses the hit (and says so in the
log), but never keeps a person from where the link leads.
"""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import InterfaceError, OperationalError, connections, transaction

from accounts.tenancy import current_account_id, in_account, sql
from messaging.actions.receipts import CameBack, write_receipts
from messaging.tracking.machines import TOO_SOON_SECONDS

MOST_AT_ONCE = 500
WAIT_SECONDS = 5.0
DEAD = (InterfaceError, OperationalError)  # the connection, or the database

# Two processes that write the first open of one delivery would both count it.
ALONE = """
    SELECT FROM messaging_delivery AS delivery
    WHERE delivery.id = ANY(%(ids)s::bigint[])
    ORDER BY delivery.id
    FOR NO KEY UPDATE
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """One open or click of a delivery, at `at`."""

    account_id: int
    came_back: CameBack
    at: datetime


@dataclass
class Waiting:
    """A hit and who waits for it."""

    hit: Hit
    done: threading.Event = field(default_factory=threading.Event)


class Recorder:
    """Gathers the hits of one process and writes them from one thread."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.waiting: list[Waiting] = []
        self.owner = 0
        self.ended = False
        self.thread: threading.Thread | None = None

    def record(self, hit: Hit) -> bool:
        """Write a hit; return once it is committed, False if that took too long."""
        one = Waiting(hit)
        with self.lock:
            self.start()
            self.waiting.append(one)
            self.lock.notify()
        return one.done.wait(WAIT_SECONDS)

    def start(self) -> None:
        """Start the thread, once in each process: a fork has none of its parent's."""
        if self.owner != os.getpid():
            self.owner, self.waiting, self.ended = os.getpid(), [], False
            self.thread = threading.Thread(target=self.run, daemon=True, name="hits")
            self.thread.start()

    def run(self) -> None:
        """Write group after group."""
        while True:
            with self.lock:
                while not self.waiting and not self.ended:
                    self.lock.wait()
                if not self.waiting:
                    self.owner = 0
                    self.lock.notify_all()
                    break
                group, self.waiting = self.waiting[:MOST_AT_ONCE], self.waiting[MOST_AT_ONCE:]
            try:
                write_group([one.hit for one in group])
            finally:
                for one in group:
                    one.done.set()
        connections.close_all()

    def end(self) -> None:
        """Write what waits and end the thread; the next hit starts another."""
        with self.lock:
            thread, self.ended = self.thread, True
            self.lock.notify_all()
        if thread is not None:
            thread.join(timeout=WAIT_SECONDS)


def write_group(hits: Sequence[Hit]) -> None:
    """
    Write hits with one commit, and once more if the connection had died.

    If one of them cannot be written the others are, one by one; that one is let be.
    """
    broken = attempt(hits)
    if isinstance(broken, DEAD):
        broken = attempt(hits)
    if broken is None:
        return
    if isinstance(broken, DEAD) or len(hits) == 1:
        log.warning("%s opens or clicks are lost.", len(hits), exc_info=broken)
        return
    for hit in hits:
        write_group([hit])


def attempt(hits: Sequence[Hit]) -> Exception | None:
    """Write hits; return what kept them from being written."""
    try:
        write(hits)
    except Exception as broken:
        connections["default"].close()
        return broken
    return None


def write(hits: Sequence[Hit]) -> None:
    """Write hits of any accounts in one transaction."""
    by_account: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_account[hit.account_id].append(hit)
    with transaction.atomic():
        for account_id in sorted(by_account):
            group = by_account[account_id]
            with in_account(account_id):
                sql.execute(ALONE, ids=[hit.came_back.delivery_id for hit in group])
                write_receipts(
                    [hit.came_back for hit in group],
                    now=max(hit.at for hit in group),
                    too_soon=TOO_SOON_SECONDS,
                )


RECORDER = Recorder()


def record(hit: Hit) -> None:
    """Write a hit down; inside a transaction (a test's) at once and within it."""
    if current_account_id() is not None or transaction.get_connection().in_atomic_block:
        write([hit])
    elif not RECORDER.record(hit):
        log.warning("An open or click was not written in time.")
