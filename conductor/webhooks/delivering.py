"""
Delivering: claim, call, write down; what may be lost or repeated at each point.

The deliverer is a caller (`conductor.engine.calls`) with calls of its own, and a thread of the
same process.

1. *claim*: one transaction takes the calls that are due, and makes new ones of what is
   pending, while an endpoint has fewer than `AT_ONCE` that are not over: an endpoint that
   does not answer keeps its queue and costs a few calls, not one for each that waits.
2. *call*: each in a thread, outside of any transaction.
3. *write down*: the answer, and when the next attempt is made.

Killed before 3, the call is made again after the lease, with the same key and events. Any
answer but 2xx is tried again, at most 24 hours after the first attempt; then it stands in the
log as failed, and may be replayed.
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as site
from django.db import InterfaceError, OperationalError

from accounts import outgoing
from accounts.secrets import UnreadableSecretError, unseal
from accounts.tenancy import in_account, lookups, sql
from conductor.engine.calls import Caller
from conductor.engine.faults import place_of
from conductor.engine.requests import LEASE, signature
from conductor.webhooks.formats import body_of
from conductor.webhooks.models import Call, CallState, Endpoint
from conductor.webhooks.reading import read
from messaging.sending.backoff import pause

SLOTS = 32
SLOTS_OF_ACCOUNT = SLOTS // 2
AT_ONCE = 4
SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
RETRIED = timedelta(hours=24)
KEPT_BYTES = 500
GONE = "nothing of it is kept any more"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """One attempt that is this deliverer's; `fault` stands in for a request."""

    account_id: int
    call_id: int
    endpoint_id: int
    attempts: int
    claimed_at: datetime
    retry_until: datetime
    request: outgoing.Request | None = None
    fault: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an attempt brought; `is_over` whatever the answer was."""

    status: int | None = None
    milliseconds: int | None = None
    response: str = ""
    error: str = ""
    is_over: bool = False


@dataclass
class Deliverer(Caller):
    """Tells endpoints what happened; `clock` and `resolver` as any caller's."""

    under_way: "dict[Future[Any], Any]" = field(default_factory=dict)

    def start_due(self) -> None:
        """Read what happened, claim calls and start them, who has the fewest under way first."""
        for account_id in lookups.webhook_readers():
            self._read(account_id)
        if len(self.under_way) >= SLOTS:
            return
        now = self.clock()
        of_account = Counter(claimed.account_id for claimed in self.under_way.values())
        waiting = lookups.webhook_accounts(now=now, at_once=AT_ONCE)
        for account_id in sorted(waiting, key=lambda each: of_account[each]):
            free = SLOTS - len(self.under_way)
            most = min((free + 1) // 2, SLOTS_OF_ACCOUNT - of_account[account_id])
            if most > 0:
                self._begin(account_id, most, now)

    def _read(self, account_id: int) -> None:
        """Read behind the engine; whoever stumbles holds up no other account."""
        try:
            with in_account(account_id):
                read()
        except (OperationalError, InterfaceError):
            raise
        except Exception as problem:
            log.error("Webhooks of account %s cannot be read: %s", account_id, place_of(problem))

    def _begin(self, account_id: int, most: int, now: datetime) -> None:
        try:
            claimed = claim(account_id, now=now, most=most)
        except (OperationalError, InterfaceError):
            raise
        except Exception as problem:
            log.error("Webhooks of account %s stumbled: %s", account_id, place_of(problem))
            return
        for one in claimed:
            self.under_way[start(one, self.resolver)] = one

    def write_down(self) -> None:
        """Write what came of the calls that are over, one transaction an account."""
        over = [future for future in self.under_way if future.done()]
        of_account: dict[int, list[tuple[Claimed, Outcome]]] = {}
        for future in over:
            claimed = self.under_way[future]
            of_account.setdefault(claimed.account_id, []).append((claimed, future.result()))
        for account_id, outcomes in of_account.items():
            try:
                write_outcomes(account_id, outcomes, now=self.clock())
            except (OperationalError, InterfaceError):
                raise
            except Exception as problem:
                # One account's fault is not the others'; its calls are made again after the lease.
                place = place_of(problem)
                log.error("Calls of account %s cannot be written down: %s", account_id, place)
        for future in over:
            del self.under_way[future]


def claim(account_id: int, *, now: datetime, most: int) -> list[Claimed]:
    """Claim up to `most` calls of an account and write their requests."""
    claimed: list[Claimed] = []
    with in_account(account_id):
        # Whoever deletes or pauses an endpoint waits; another deliverer passes it over.
        endpoints = (
            Endpoint.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(is_paused=False)
            .order_by("updated_at", "pk")
        )
        for endpoint in endpoints:
            rows = rows_to_call(endpoint, now=now, most=most - len(claimed))
            claimed += [prepared(account_id, endpoint, row, now=now) for row in rows]
    return claimed


def rows_to_call(endpoint: Endpoint, *, now: datetime, most: int) -> list[dict[str, Any]]:
    """Take an endpoint's calls that are due; make new ones while it has few."""
    if most <= 0:
        return []
    given = {"endpoint_id": endpoint.pk, "now": now, "lease_until": now + LEASE}
    statement = sql.statement("conductor.webhooks", "claim_webhook_calls")
    rows = sql.fetch_dicts(statement, most=most, **given)
    is_open = {"state__in": [CallState.QUEUED, CallState.CALLING]}
    # Segment keeps the last that it hears of somebody: what it is told comes in order.
    at_once = 1 if endpoint.is_source else AT_ONCE
    room = min(
        most - len(rows), at_once - Call.objects.filter(endpoint=endpoint, **is_open).count()
    )
    gather = sql.statement("conductor.webhooks", "gather")
    for _ in range(max(room, 0)):
        made = sql.fetch_dicts(
            gather, **{**given, "most": endpoint.batch_size, "retry_until": now + RETRIED}
        )
        if not made:
            break
        rows += made
    return rows


def prepared(
    account_id: int, endpoint: Endpoint, row: Mapping[str, Any], *, now: datetime
) -> Claimed:
    """Write the request of a call, or why there is none."""
    held = row["happenings"]
    ids = json.loads(held) if isinstance(held, str) else held
    rows = sql.fetch_dicts(sql.statement("conductor.webhooks", "happened"), ids=ids)
    request, fault = None, "" if rows else GONE
    if rows:
        body = body_of(endpoint.format, account_id, rows, endpoint.options)
        try:
            request = request_of(endpoint, body, key=f"{account_id}-w{row['id']}", now=now)
        except UnreadableSecretError:
            fault = "the secret cannot be read: make a new one"
    return Claimed(
        account_id=account_id,
        call_id=row["id"],
        endpoint_id=endpoint.pk,
        attempts=row["attempts"],
        claimed_at=now,
        retry_until=row["retry_until"],
        request=request,
        fault=fault,
    )


def request_of(endpoint: Endpoint, body: bytes, *, key: str, now: datetime) -> outgoing.Request:
    """
    Return a request, signed as a webhook step's is.

    :raises UnreadableSecretError: if the endpoint's secret was sealed with another key.
    """
    headers = {
        "User-Agent": "Conductor",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "Conductor-Signature": signature(
            body, secret=unseal(endpoint.sealed_secret), at=int(now.timestamp())
        ),
    }
    if endpoint.sealed_authorization:
        headers["Authorization"] = unseal(endpoint.sealed_authorization)
    return outgoing.Request("POST", endpoint.url, headers, body, SECONDS)


def start(claimed: Claimed, resolver: outgoing.Resolver) -> "Future[Outcome]":
    """Make one call in a thread of its own, which keeps no process from ending."""
    future: Future[Outcome] = Future()
    threading.Thread(
        target=lambda: future.set_result(make(claimed, resolver)), daemon=True, name="webhook"
    ).start()
    return future


def make(claimed: Claimed, resolver: outgoing.Resolver) -> Outcome:
    """Make one call; return what it brought. Runs in a thread without a database."""
    if claimed.request is None:
        return Outcome(error=claimed.fault, is_over=claimed.fault == GONE)
    began = time.monotonic()
    try:
        answer = outgoing.call(claimed.request, allowed=site.OUTGOING_ALLOW, resolver=resolver)
    except outgoing.NoAnswerError as silent:
        return Outcome(milliseconds=since(began), error=f"no answer: {silent}")
    except outgoing.RefusedAddressError as refused:
        return Outcome(error=f"not called: {refused}")
    except Exception:
        # Not with its message, which may hold what was sent.
        log.error("Webhook call %s of account %s broke down.", claimed.call_id, claimed.account_id)
        return Outcome(error="no answer: the call broke down")
    text = answer.body[:KEPT_BYTES].decode(errors="replace").replace("\0", "")
    return Outcome(status=answer.status, milliseconds=since(began), response=text)


def since(began: float) -> int:
    """Return the milliseconds since a moment of the monotonic clock."""
    return round((time.monotonic() - began) * 1000)


def write_outcomes(
    account_id: int, outcomes: Iterable[tuple[Claimed, Outcome]], *, now: datetime
) -> None:
    """Write outcomes in one transaction."""
    rows = [line_of(claimed, outcome) for claimed, outcome in outcomes]
    with in_account(account_id):
        sql.execute(
            sql.statement("conductor.webhooks", "write_webhook_calls"),
            now=now,
            outcomes=json.dumps(rows),
        )


def line_of(claimed: Claimed, outcome: Outcome) -> dict[str, Any]:
    """Return what is written down: delivered, failed, or tried again after a pause."""
    is_done = outcome.status is not None and 200 <= outcome.status < 300
    again = not (is_done or outcome.is_over) and claimed.claimed_at < claimed.retry_until
    next_at = None
    if again:
        wait = pause(FIRST_PAUSE, LONGEST_PAUSE, claimed.attempts, None)
        # The last attempt is made when the time is up.
        next_at = min(claimed.claimed_at + wait, claimed.retry_until).isoformat()
    ended = CallState.DONE if is_done else CallState.FAILED
    return {
        "id": claimed.call_id,
        "attempts": claimed.attempts,
        "state": CallState.QUEUED.value if again else ended.value,
        "next_at": next_at,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "response": outcome.response,
        "error": outcome.error,
    }
