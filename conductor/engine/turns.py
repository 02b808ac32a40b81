"""Turns: one account's tick at a time, and a guard against work that kills its worker."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.tenancy import in_account, sql
from accounts.tenancy.wake import wake
from conductor.conversations.models import Turn
from conductor.engine.tick import Tick, run_tick

TICK_SECONDS = 0.3
FEWEST, MOST = 50, 5_000
# A turn that never came to its end this often is left alone for a while: a task whose
# worker is killed is not counted by the queue.
MOST_ATTEMPTS = 5
TO_SET_ASIDE = 7
PAUSE = timedelta(minutes=5)


@dataclass
class Pace:
    """How many enrollments this process takes up in a tick of about 0.3 seconds."""

    limit: int = 1_000

    def learn(self, rows: int, seconds: float) -> None:
        """Adjust to a tick that took up `rows`; small ones say nothing of the pace."""
        if rows * 2 >= self.limit:
            fitting = int(rows * TICK_SECONDS / max(seconds, 0.001))
            self.limit = max(FEWEST, min(MOST, (self.limit + fitting) // 2))


PACE = Pace()


def serve(account_id: int, *, now: datetime) -> Tick | None:
    """
    Run one tick of an account; None where another worker has its turn.

    The attempt is committed before the work: after a failure the next one takes up fewer
    contacts, down to one; after five the account pauses before each, and after seven the
    one that is due first is held unmoved. What a tick did is whole or not at all.
    """
    attempts = _begin(account_id, now)
    if attempts is None:
        return None
    limit = PACE.limit if attempts == 1 else max(1, PACE.limit >> (2 * (attempts - 1)))
    started = time.monotonic()
    with in_account(account_id):
        turn = Turn.objects.select_for_update(skip_locked=True).first()
        if turn is None:
            return None
        done = run_tick(now=now, limit=limit, suspect=attempts > TO_SET_ASIDE)
        # One that succeeds lets the next take up four times as many, no more: the culprit
        # is still there.
        left = max(0, min(attempts, MOST_ATTEMPTS) - 2)
        Turn.objects.filter(pk=turn.pk).update(attempts=left, served_at=now)
        if done.deliveries:
            wake("send")
    PACE.learn(done.rows, time.monotonic() - started)
    return done


def _begin(account_id: int, now: datetime) -> int | None:
    """Commit an attempt at an account's turn; return which it is, None if it is not to be."""
    with in_account(account_id):
        attempts = sql.fetch_value(
            sql.statement("conductor.engine", "begin_turn"),
            now=now,
            paused_since=now - PAUSE,
            most=MOST_ATTEMPTS,
        )
        if attempts is None and not Turn.objects.exists():
            Turn.objects.bulk_create([Turn(served_at=now, attempts=1)], ignore_conflicts=True)
            return 1
    return None if attempts is None else int(attempts)
