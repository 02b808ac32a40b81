"""
Webhook calls: claim, call, write down; what may be lost or repeated at each point.

A tick writes a call and holds its contact (`conductor.steps.webhook`). The caller is a
thread of the pulse's process, never of a worker: waiting for others must not keep anybody
from moving. Several may run.

1. *claim*: one transaction turns due calls into `calling`, their attempt counted, with the
   time until which they are this caller's. Committed before anything is sent.
2. *fill in*: in the rendering process; secrets are read here and nowhere else.
3. *call*: each in a thread, outside of any transaction (`accounts.outgoing`). A step has at
   most a few calls under way and an account at most half of them all; accounts with the
   fewest are served first. So a server that does not answer delays its own step's contacts.
4. *write down*: the outcome and the contact's due time in one transaction. A contact that
   was moved or ended meanwhile stays where it is.

Killed before 4, the call is made again after the lease, with the same `Idempotency-Key`, as
the next attempt: a call is made at least once, its outcome counts once. The key is
`account-enrollment-step-visit`: the same for every attempt of a visit, also after a retry
by hand, and of no other visit.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as site
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from accounts import outgoing
from accounts.tenancy import in_account, lookups, sql
from accounts.tenancy.wake import wake
from conductor.engine.answers import read_answer
from conductor.engine.faults import place_of
from conductor.engine.requests import MOST_ATTEMPTS, PAUSES, Claimed, claim

SLOTS = 128
SLOTS_OF_ACCOUNT = SLOTS // 2
SLOTS_OF_STEP = 32
ACCOUNTS_AT_ONCE = 200
LOOK_SECONDS = 0.5
# Answers that come within this time of one another are written down together.
GATHER_SECONDS = 0.02
STOP_SECONDS = 3.0
UNSTORABLE = {"error": "the answer cannot be kept"}

KEPT = timedelta(days=30)

FORGET = """
    DELETE FROM conversations_call AS call
    WHERE
        call.ended_at < %(before)s
        AND NOT EXISTS (
            SELECT
            FROM conversations_enrollment AS enrollment
            WHERE
                enrollment.id = call.enrollment_id
                AND enrollment.ended_at IS NULL
                AND enrollment.step_key = call.step_key
                AND enrollment.visit_number = call.visit_number
        )
"""

log = logging.getLogger(__name__)


@dataclass
class Caller:
    """One caller: `clock` reads the time, `resolver` finds the addresses of a name."""

    clock: Callable[[], datetime]
    resolver: outgoing.Resolver = outgoing.resolve
    under_way: "dict[Future[Mapping[str, Any]], Claimed]" = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Call until told to stop; a database that is gone is waited for."""
        while not stop.is_set():
            try:
                busy = self.step()
            except DatabaseError as problem:
                log.warning("The caller waits: %s", place_of(problem))
                connections.close_all()
                busy = False
            except Exception as problem:
                log.error("The caller stumbled, and calls again later: %s", place_of(problem))
                connections.close_all()
                busy = False
            if not busy:
                stop.wait(LOOK_SECONDS)
        self.finish(seconds=STOP_SECONDS)
        connections.close_all()

    def step(self) -> bool:
        """Claim what there is room for, write down what is over; say if any is under way."""
        self.start_due()
        if self.under_way:
            wait(self.under_way, timeout=LOOK_SECONDS / 2, return_when=FIRST_COMPLETED)
            wait(self.under_way, timeout=GATHER_SECONDS)
        self.write_down()
        return bool(self.under_way)

    def make_all(self) -> None:
        """Make the calls that are due until none is left; for commands and tests."""
        while True:
            self.start_due()
            if not self.under_way:
                return
            wait(self.under_way)
            self.write_down()

    def finish(self, *, seconds: float) -> None:
        """Give what is under way a moment; what is not over then is called again later."""
        if self.under_way:
            wait(self.under_way, timeout=seconds)
            self.write_down()

    def start_due(self) -> None:
        """Claim due calls and start them, the accounts with the fewest under way first."""
        if len(self.under_way) >= SLOTS:
            return
        of_account = Counter(claimed.account_id for claimed in self.under_way.values())
        due = lookups.calling_accounts(now=self.clock(), most=ACCOUNTS_AT_ONCE)
        for account_id in sorted(due, key=lambda each: of_account[each]):
            free = SLOTS - len(self.under_way)
            # Half of what is free at most: the next account finds some, too.
            most = min((free + 1) // 2, SLOTS_OF_ACCOUNT - of_account[account_id])
            if most > 0:
                self._start(account_id, most)

    def _start(self, account_id: int, most: int) -> None:
        under_way = Counter(
            (claimed.version_id, claimed.step_key)
            for claimed in self.under_way.values()
            if claimed.account_id == account_id
        )
        full = [key for key, count in under_way.items() if count * 2 > SLOTS_OF_STEP]
        try:
            claimed = claim(
                account_id, now=self.clock(), most=most, each=SLOTS_OF_STEP // 2, full=full
            )
        except DatabaseError:
            raise
        except Exception as problem:
            log.error("Calls of account %s cannot be prepared: %s", account_id, place_of(problem))
            return
        for one in claimed:
            self.under_way[start(one, self.resolver)] = one

    def write_down(self) -> None:
        """Write the outcomes of the calls that are over, one transaction an account."""
        over = [future for future in self.under_way if future.done()]
        of_account: dict[int, list[tuple[Claimed, Mapping[str, Any]]]] = {}
        for future in over:
            claimed = self.under_way[future]
            outcome = future.result()
            of_account.setdefault(claimed.account_id, []).append((claimed, outcome))
        for account_id, outcomes in of_account.items():
            try:
                write_down(account_id, outcomes, now=self.clock())
            except (OperationalError, InterfaceError):
                raise
            except Exception as problem:
                # One account's fault is not the others'; its calls are made again later.
                place = place_of(problem)
                log.error("Outcomes of account %s cannot be written down: %s", account_id, place)
        for future in over:
            del self.under_way[future]


def start(claimed: Claimed, resolver: outgoing.Resolver) -> "Future[Mapping[str, Any]]":
    """Make one call in a thread of its own, which keeps no process from ending."""
    future: Future[Mapping[str, Any]] = Future()

    def run() -> None:
        future.set_result(make(claimed, resolver))

    threading.Thread(target=run, daemon=True, name="call").start()
    return future


def make(claimed: Claimed, resolver: outgoing.Resolver) -> Mapping[str, Any]:
    """Make one call; return its outcome. Runs in a thread without a database."""
    if claimed.request is None:
        return claimed.outcome or {}
    try:
        answer = outgoing.call(claimed.request, allowed=site.OUTGOING_ALLOW, resolver=resolver)
    except outgoing.NoAnswerError as silent:
        return {"error": f"no answer: {silent}", "again": True}
    except outgoing.RefusedAddressError as refused:
        return {"error": f"not called: {refused}"}
    except Exception:
        # Not with its message, which may hold what was filled in.
        log.error("Call %s of account %s broke down.", claimed.call_id, claimed.account_id)
        return {"error": "no answer: the call broke down", "again": True}
    try:
        return read_answer(answer, claimed.settings["save"], claimed.fields)
    except Exception:
        # A call without an outcome would take up its place for ever. Not with the message,
        # which may hold what was answered; not again, since the other side has acted.
        log.error("The answer to call %s cannot be read.", claimed.call_id)
        return {"status": answer.status, "error": "the answer cannot be read"}


def write_down(
    account_id: int, outcomes: Sequence[tuple[Claimed, Mapping[str, Any]]], *, now: datetime
) -> None:
    """
    Write what became of an account's calls; let those whose call is over go on.

    An outcome that cannot be stored stops nobody else's: the batch is halved until it is
    alone, and then says no more than that.

    :raises OperationalError: if the database is gone.
    """
    try:
        write_outcomes(account_id, outcomes, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        claimed, outcome = outcomes[0]
        if len(outcomes) > 1:
            middle = len(outcomes) // 2
            write_down(account_id, outcomes[:middle], now=now)
            write_down(account_id, outcomes[middle:], now=now)
        elif outcome != UNSTORABLE:
            # Not with the message, which may hold what was answered.
            log.error("The outcome of call %s cannot be stored.", claimed.call_id)
            write_down(account_id, [(claimed, UNSTORABLE)], now=now)
        else:
            raise


def write_outcomes(
    account_id: int, outcomes: Iterable[tuple[Claimed, Mapping[str, Any]]], *, now: datetime
) -> None:
    """Write outcomes in one transaction."""
    rows = [result_of(claimed, outcome, now=now) for claimed, outcome in outcomes]
    with in_account(account_id):
        # In the order in which a tick locks: contacts first, then their calls.
        sql.execute(
            "SELECT enrollment.id FROM conversations_enrollment AS enrollment "
            "WHERE enrollment.id = ANY(array("
            "SELECT call.enrollment_id FROM conversations_call AS call "
            "WHERE call.id = ANY(%(ids)s))) ORDER BY enrollment.id FOR NO KEY UPDATE",
            ids=[row["id"] for row in rows],
        )
        released = sql.execute(
            sql.statement("conductor.engine", "write_call_outcomes"),
            now=now,
            outcomes=json.dumps(rows),
        )
        if released:
            wake("advance")


def result_of(claimed: Claimed, outcome: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return an outcome as it is written: over, or to be called again after a pause."""
    kept = {name: value for name, value in outcome.items() if name != "again"}
    again = bool(outcome.get("again")) and claimed.attempts < MOST_ATTEMPTS
    next_at = claimed.claimed_at + PAUSES[claimed.attempts - 1] if again else None
    ended = "failed" if "error" in kept else "done"
    return {
        "id": claimed.call_id,
        "attempts": claimed.attempts,
        "claimed_at": claimed.claimed_at.isoformat(),
        "state": "queued" if again else ended,
        "next_at": next_at.isoformat() if next_at else None,
        "outcome": kept,
    }


def forget_calls(now: datetime) -> None:
    """Remove, in every account, the calls that were over long ago and that nobody waits for."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            sql.execute(FORGET, before=now - KEPT)
