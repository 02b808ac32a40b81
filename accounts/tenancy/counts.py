"""
Counts that take long: kept, and taken again beside the page that shows them.

A page shows what was counted last, says when, and asks for a new count: whoever looks never
waits for one. The one place that names counts of higher packages, by string.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.tasks import async_task

from accounts.tenancy.account import current_account_id, in_account
from accounts.tenancy.wake import PLENTY

# Each is called with an id and `now`, inside the account; its answer is of plain values.
COUNTS = {
    "messages": "conductor.conversations.summary.count_again",
    "list": "conductor.desk.figures.count_again",
}
TASK = "accounts.tenancy.counts.count"
# So many rows are counted at once, by the page itself.
FEW = 5_000
# A count is good for so many times what it took: watching costs a thirtieth of a core.
RARELY = 30
SOON = 5.0
QUICK = 0.25
# A count that was asked for and never came (its worker died) is asked for again.
ASKED_SECONDS = 60
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Kept:
    """What was counted, when, and how long it took in seconds."""

    counted_at: datetime
    took: float
    value: Any


def latest(what: str, pk: int, /, *, now: datetime) -> Kept | None:
    """Return the count of something of the current account as it was taken last, if ever."""
    written = cache.get(_key(what, pk))
    found = None if written is None else Kept(*written)
    if found is None or now - found.counted_at >= timedelta(seconds=max(SOON, found.took * RARELY)):
        _ask(what, pk)
    return found


def count(account_id: int, what: str, pk: int) -> None:
    """Take a count and keep it: the task that `latest` asks for."""
    now, began = timezone.now(), perf_counter()
    with in_account(account_id):
        value = import_string(COUNTS[what])(pk, now=now)
    kept = (now, perf_counter() - began, value)
    cache.set(_key(what, pk), kept, timeout=DAY_SECONDS)
    cache.delete(f"{_key(what, pk)}:asked")


def bounded(
    what: str,
    take: Callable[[], Any],
    /,
    *,
    timer: Callable[[], float] = perf_counter,
) -> Any:
    """
    Return a count that somebody asks for as often as they like: taken now, if that is quick.

    One that took longer than `QUICK` is good for so many times what it took (`RARELY`), so that
    whoever asks all the time costs a thirtieth of a core. `what` names it within the account;
    `take` returns values that can be pickled.
    """
    key = f"count:{current_account_id()}:{what}"
    kept = cache.get(key)
    if kept is not None:
        return kept[0]
    began = timer()
    value = take()
    took = timer() - began
    if took > QUICK:
        cache.set(key, (value,), timeout=took * RARELY)
    return value


def _ask(what: str, pk: int) -> None:
    """Have it counted, unless that was asked already or nobody works."""
    if OrmQ.objects.count() >= PLENTY:
        return
    if cache.add(f"{_key(what, pk)}:asked", value=True, timeout=ASKED_SECONDS):
        async_task(TASK, current_account_id(), what, pk, group="count")


def _key(what: str, pk: int) -> str:
    return f"count:{what}:{pk}"
