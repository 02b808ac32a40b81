"""
What benchmarks of a running cluster share: bin/up works on their account as on any other.

Meanwhile the account's flag is taken off, or pulse and workers would pass it over.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from accounts.models import Account, Heartbeat
from accounts.tenancy import in_account
from conductor.conversations.actions import pause_conversation
from conductor.conversations.models import Conversation
from conductor.engine.benchmarks.ground import Ground
from contacts.actions import raise_event
from contacts.models import Contact

log = logging.getLogger(__name__)

# As the health says it of the worker and the pulse.
SILENCE = timedelta(seconds=20)
PARTS = ("pulse", "worker")
LOOK_SECONDS = 0.01
# Long enough to wait for one of them: then nobody works.
PATIENCE = 60.0
# Between two, so that they meet the cluster in whatever it does.
PAUSES = (0.05, 0.35, 0.2, 0.5)


class Clock:
    """The time of day, counted on from when the benchmark began."""

    def __init__(self, now: datetime) -> None:
        self._began, self._at = now, time.monotonic()

    def __call__(self) -> datetime:
        """Return what time it is."""
        return self._began + timedelta(seconds=time.monotonic() - self._at)


class NotRunningError(RuntimeError):
    """Nobody works on this data, or too slowly to be measured."""


@contextmanager
def worked_on(account: Account, *, now: datetime) -> Iterator[None]:
    """
    Have the running workers serve a benchmark's account like any other.

    :raises NotRunningError: if no cluster runs on this database.
    """
    beating = Heartbeat.objects.filter(part__in=PARTS, beat_at__gt=now - SILENCE)
    if beating.count() < len(PARTS):
        raise NotRunningError("No workers run on this database: start bin/up beside this.")
    _flag(account, is_benchmark=False)
    try:
        yield
    finally:
        _flag(account, is_benchmark=True)


def _flag(account: Account, *, is_benchmark: bool) -> None:
    with in_account(account.pk):
        Account.objects.filter(pk=account.pk).update(is_benchmark=is_benchmark)


def stop(account: Account, *, now: datetime) -> None:
    """Pause what is published, which waits for the end of the tick that is under way."""
    with in_account(account.pk):
        for conversation in Conversation.objects.filter(paused_at=None, published__isnull=False):
            pause_conversation(conversation=conversation, now=now)


def wait_until(
    account: Account, happened: Callable[[], bool], *, patience: float, refusal: str
) -> float:
    """
    Look inside an account until something has happened; return the seconds.

    :raises NotRunningError: saying `refusal`, if it has not within `patience` seconds.
    """
    began = time.monotonic()
    while time.monotonic() < began + patience:
        with in_account(account.pk):
            if happened():
                return time.monotonic() - began
        time.sleep(LOOK_SECONDS)
    raise NotRunningError(refusal)


def raise_one_by_one(
    ground: Ground,
    many: int,
    is_done: Callable[[Contact], bool],
    *,
    clock: Clock,
    one: str,
    said: str,
) -> list[float]:
    """
    Raise the event for one contact after the other; return the seconds until each `is_done`.

    `one` is what an error calls one of them, `said` what the log says of each: its number and
    the seconds.

    :raises NotRunningError: if nothing is done for one of them.
    """
    with in_account(ground.account.pk):
        people = list(Contact.objects.order_by("id")[:many])
    waits = []
    for place, person in enumerate(people):
        with in_account(ground.account.pk):
            raise_event(external_event=ground.event, contact=person, now=clock(), source="api")
        seconds = wait_until(
            ground.account,
            partial(is_done, person),
            patience=PATIENCE,
            refusal=f"Nothing was done for {one} within {PATIENCE:.0f} s.",
        )
        waits.append(seconds)
        log.info(said, place + 1, seconds)
        time.sleep(PAUSES[place % len(PAUSES)])
    return waits


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that so large a share of all do not exceed."""
    return sorted(values)[math.ceil(len(values) * share) - 1]
