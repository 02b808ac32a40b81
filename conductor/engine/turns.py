"""Turns: one account's tick at a time, and a guard against work that kills its worker."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.tenancy import in_account, sql
from accounts.tenancy.wake import wake
from conductor.conversations.models import Trace, Turn
from conductor.engine.tick import Tick, run_part, run_tick
from conductor.engine.watch import WATCHED, Watch, watched

TICK_SECONDS = 0.3
FEWEST, MOST = 50, 5_000
# Every so many ticks of an account the counts of its visits are put together.
FOLD_EVERY = 256

LOCK = sql.Kept("SELECT turn.ticks FROM conversations_turn AS turn FOR UPDATE SKIP LOCKED")
STAMP = sql.Kept("""
    UPDATE conversations_turn AS turn
    SET
        attempts = %(attempts)s,
        served_at = %(now)s,
        ticks = turn.ticks + 1,
        steps = turn.steps + %(steps)s
""")
# A turn that never came to its end this often is left alone for a while: a task whose
# worker is killed is not counted by the queue.
MOST_ATTEMPTS = 5
# From this attempt on the tick does one thing at a time, and less of it; after the other
# it sets aside what it would begin with.
IN_PARTS = 4
TO_SET_ASIDE = 7
PAUSE = timedelta(minutes=5)
# An attempt is not taken for dead while its worker may yet lock the turn.
BEGINNING = timedelta(seconds=1)


@dataclass
class Pace:
    """How many enrollments this process takes up in a tick of about 0.3 seconds."""

    # Few at first: the others wait while a worker learns.
    limit: int = 250
    # Contacts of the last tick who had more facts than it could take: others come first now.
    crowding: tuple[int, ...] = ()

    def learn(self, rows: int, seconds: float) -> None:
        """
        Adjust to a tick that took up `rows`; small ones say nothing of the pace.

        At once to a slower one, step by step to a quicker one: others wait meanwhile.
        """
        fitting = int(rows * TICK_SECONDS / max(seconds, 0.001))
        if seconds > TICK_SECONDS:
            self.limit = max(FEWEST, min(self.limit, fitting))
        elif rows * 2 >= self.limit:
            self.limit = max(FEWEST, min(MOST, (self.limit + fitting) // 2))


# By account: one's contacts may take a hundred times as long as another's.
_paces: dict[int, Pace] = {}
PACES_KEPT = 10_000


def pace_of(account_id: int) -> Pace:
    """Return this process's pace for an account."""
    if len(_paces) >= PACES_KEPT:
        _paces.clear()
    return _paces.setdefault(account_id, Pace())


def serve(account_id: int, *, now: datetime) -> Tick | None:
    """
    Run one tick of an account; None where another worker has its turn.

    The attempt is committed before the work. After one that failed or died the next are
    watched, which finds who kills a worker at a step or a rule (`watch`). Where that tells
    nothing, ticks take up less, of one kind alone; after five the account pauses before
    each, and after seven what comes first is set aside. What a tick did is whole or not at
    all.
    """
    attempts = _begin(account_id, now)
    if attempts is None:
        return None
    if attempts < WATCHED:
        return _serve(account_id, now, attempts, None)
    with watched(account_id) as watch:
        return _serve(account_id, now, WATCHED if watch.learnt else attempts, watch)


def _serve(account_id: int, now: datetime, attempts: int, watch: Watch | None) -> Tick | None:
    started = time.monotonic()
    pace = pace_of(account_id)
    crowding: tuple[int, ...] = ()
    with in_account(account_id):
        turn = sql.fetch_one(LOCK)
        if turn is None:
            return None
        if attempts < IN_PARTS:
            crowding, pace.crowding = pace.crowding, ()
            done = run_tick(now=now, limit=pace.limit, watch=watch, passed_over=crowding)
            left = 0
        else:
            limit = max(1, pace.limit >> (4 * (attempts - IN_PARTS + 1)))
            done = run_part(now=now, limit=limit, set_aside=attempts > TO_SET_ASIDE)
            # One that succeeds lets the next take up more, no more: the culprit is there.
            left = min(attempts, MOST_ATTEMPTS) - 2
        if (turn[0] + 1) % FOLD_EVERY == 0:
            sql.execute(sql.statement("conductor.engine", "fold_flows"))
        sql.execute(STAMP, attempts=left, now=now, steps=done.visits - done.rehearsed)
        if watch is not None:
            Trace.objects.all().delete()
        if done.deliveries:
            wake("send")
    if not crowding:
        pace.crowding = done.crowding
    if attempts == 1:
        pace.learn(done.rows, time.monotonic() - started)
    return done


def _begin(account_id: int, now: datetime) -> int | None:
    """Commit an attempt at an account's turn; return which it is, None if it is not to be."""
    with in_account(account_id):
        attempts = sql.fetch_value(
            sql.kept("conductor.engine", "begin_turn"),
            now=now,
            begun_before=now - BEGINNING,
            paused_since=now - PAUSE,
            most=MOST_ATTEMPTS,
        )
        if attempts is None and not Turn.objects.exists():
            Turn.objects.bulk_create([Turn(served_at=now, attempts=1)], ignore_conflicts=True)
            return 1
    return None if attempts is None else int(attempts)
