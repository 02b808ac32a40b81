"""
How long a contact waits whose account has nothing else to do, beside one with a million due.

Worked by the cluster that runs (bin/up), as everything is: both accounts are accounts like
any other meanwhile. The large one's contacts go round and round through a filter, a message
and a wait of a second, so that it never comes to an end of what is due. In the other one
contact after another has its event; it has waited until its message stands in the queue.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Account
from accounts.tenancy import in_account, sql
from conductor.engine.benchmarks.account import SLUG, made_account
from conductor.engine.benchmarks.ground import (
    Ground,
    prepare,
    publish,
    raise_for_all,
)
from conductor.engine.benchmarks.running import (
    Clock,
    NotRunningError,
    percentile,
    raise_one_by_one,
    stop,
    worked_on,
)
from contacts.models import Contact
from messaging.models import Delivery

log = logging.getLogger(__name__)

DEFAULT_SIZE = 1_000_000
ENTRIES = 120
CEILING = 2.0

ROUND = """
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: pause, wait: {for: PT1S}}
      - {key: again, go_to: {to: lapsed}}
      - {key: end, terminate: {}}
"""
ONCE = """
      - {key: start, trigger: {external_event: Winback Check}}
      - {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
      - {key: reminder, message: {saved_message: We miss you}}
      - {key: end, terminate: {}}
"""
# The facts of those who have not entered yet, and the visits that are due.
DUE = """
    SELECT
        (SELECT count(*) FROM contacts_intake)
        + (
            SELECT count(*)
            FROM conversations_enrollment AS enrollment
            WHERE enrollment.due_at <= %(now)s
        )
"""


def measure(
    *, account: Account, now: datetime, size: int = DEFAULT_SIZE, seed: int = 1
) -> Iterator[dict[str, Any]]:
    """
    Yield p50 and p99 of the seconds that single contacts wait, the first one included.

    :raises NotRunningError: if no cluster runs, or the large account was not due throughout.
    """
    clock = Clock(now)
    large = prepare(account, now=now, size=size, seed=seed)
    log.info("%s contacts are there.", size)
    with made_account(f"{SLUG}-other", now=now) as other:
        small = prepare(other, now=now, size=ENTRIES, seed=seed)
        with in_account(other.pk):
            publish(small, "One by one", steps=ONCE)
        with worked_on(other, now=clock()), worked_on(account, now=clock()):
            try:
                _start(large)
                waits = raise_one_by_one(
                    small,
                    ENTRIES,
                    _has_message,
                    clock=clock,
                    one="a contact",
                    said="Contact %s waited %.2f s.",
                )
                left = _due(account, now=clock())
            finally:
                stop(account, now=clock())
                stop(other, now=clock())
    if left < size / 10:
        raise NotRunningError(f"Only {left} were still due at the end: nobody had to wait.")
    yield {
        "name": "engine wait of a single contact beside a large account",
        "value": round(percentile(waits, 0.99), 3),
        "unit": "s",
        "size": size,
        "p50": round(percentile(waits, 0.5), 3),
        "p99": round(percentile(waits, 0.99), 3),
        "first": round(waits[0], 3),
        "worst": round(max(waits), 3),
        "contacts": len(waits),
        "due_at_the_end": left,
        "ceiling": CEILING,
    }


def _start(large: Ground) -> None:
    """Let everybody in at once: a million facts, then as many timers each second."""
    with in_account(large.account.pk):
        conversation = publish(large, "Round and round", steps=ROUND)
        raise_for_all(large, conversation)


def _due(account: Account, *, now: datetime) -> int:
    with in_account(account.pk):
        return int(sql.fetch_value(DUE, now=now + timedelta(seconds=1)))


def _has_message(person: Contact) -> bool:
    """Say whether a contact has a message in the queue."""
    return Delivery.objects.filter(contact=person).exists()
