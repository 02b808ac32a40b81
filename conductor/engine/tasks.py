"""Tasks of the engine: coarse ones, about a second each. Lost or run twice, nothing changes."""

import logging
import time

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.tenancy import lookups
from accounts.tenancy.wake import enqueue
from conductor.engine.faults import place_of
from conductor.engine.turns import serve

log = logging.getLogger(__name__)

TASK_SECONDS = 1.0
ACCOUNTS_AT_ONCE = 200


def advance() -> int:
    """
    Serve the accounts that have due work, least recently served first, for a second.

    Enqueues itself again if work is left. Returns how many enrollments and facts were
    taken up.
    """
    deadline = time.monotonic() + TASK_SECONDS
    total = 0
    # Whose tick moved nobody: it failed, or another worker has their turn.
    idle: set[int] = set()
    while True:
        due = lookups.due_accounts(now=timezone.now(), most=ACCOUNTS_AT_ONCE)
        if idle.issuperset(due):
            return total
        for account_id in due:
            moved = _serve(account_id)
            total += moved
            idle = idle - {account_id} if moved else idle | {account_id}
            if time.monotonic() > deadline:
                enqueue("advance")
                return total


def _serve(account_id: int) -> int:
    """Run one tick of an account; its failure is not the others' failure."""
    try:
        done = serve(account_id, now=timezone.now())
    except (OperationalError, InterfaceError) as problem:
        if not _is_ours(problem):
            raise
        log.warning("The tick of account %s was given up: %s", account_id, place_of(problem))
        return 0
    except Exception as problem:
        place = place_of(problem)
        log.error("The tick of account %s failed; nothing of it was kept: %s", account_id, place)
        return 0
    return done.rows if done else 0


def _is_ours(problem: Exception) -> bool:
    """Tell a deadlock or a lock not had from a database that is gone."""
    return str(getattr(problem.__cause__, "sqlstate", None) or "")[:2] in {"40", "55"}
