"""One account's turn: settle, claim, fill in, hand over, write down."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from accounts.tenancy import in_account, sql
from messaging import tokens
from messaging.actions.blanks import note_blanks
from messaging.actions.provider_events import (
    ProviderEvent,
    record_provider_events,
    settle_by_kept,
)
from messaging.actions.receipts import tell_of_deliveries
from messaging.models.message import Channel
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, carriers
from messaging.sending.allowance import Allowance, allowance, most_connections, take
from messaging.sending.backoff import recipient_pause
from messaging.sending.carriage import Carriage, carriage_of, note_provider
from messaging.sending.claim import (
    MOST_ATTEMPTS,
    Claim,
    Claimed,
    claim,
    give_back,
    settle_and_release,
    take_turn,
)
from messaging.sending.compose import Frame, Refused, compose, load_frame
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.pace import PACE

# What is left of a batch that takes longer goes back to the queue.
BATCH_SECONDS = 5.0
# So many are filled in at a time: a batch of large messages is never in memory as a whole.
FILLED_IN = 100
# And so many at first: no connection waits for more of them than it needs to begin.
FIRST_FILLED_IN = 20
RETRY_AFTER = timedelta(minutes=1)
MOST_WAITING = 1_000  # no batch is larger

log = logging.getLogger(__name__)


@dataclass
class Handed:
    """
    What became of a batch, and what is wrong with the provider, if anything.

    `seconds` is how long its connections were busy.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    problem: ProviderError | None = None
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """What is wrong with the provider, in words; "" for nothing."""
        return self.problem.message if self.problem else ""


@dataclass(frozen=True)
class Reserved:
    """What may be sent of one channel by whom; `most` is what a full batch would be."""

    carriage: Carriage
    granted: Allowance
    most: int


@dataclass(frozen=True)
class Batch:
    """What was claimed of it, and what that has in common."""

    claimed: Claim
    frame: Frame


def serve(
    account_id: int, *, heart: Heart, clock: Callable[[], datetime], lane: Lane | None = None
) -> bool:
    """
    Send one batch of each channel of an account; say whether more may be sent at once.

    Of one lane, or of both, the urgent one first.
    """
    lanes = list(Lane) if lane is None else [lane]
    with in_account(account_id):
        settle_and_release(now=clock())
        for one in lanes:
            take_turn(lane=one, now=clock())
    more = [
        send_batch(account_id, channel, one, heart=heart, clock=clock)
        for one in lanes
        for channel in Channel
    ]
    return any(more)


def send_batch(
    account_id: int, channel: Channel, lane: Lane, *, heart: Heart, clock: Callable[[], datetime]
) -> bool:
    """Claim and send one batch; say whether it was a full one."""
    now = clock()
    with in_account(account_id):
        reserved = reserve(account_id, channel, lane, heart=heart, now=now)
    if reserved is None:
        return False
    try:
        with in_account(account_id):
            batch = claim_batch(account_id, channel, lane, reserved, heart=heart, now=now)
    except Exception:
        with in_account(account_id):
            note_batch(reserved, Handed(), 0, lane, heart=heart, now=clock())
        raise
    claimed = batch.claimed
    left = Handed()
    handed_over = []
    for kind in sorted({one.provider for one in claimed.sending}):
        carrier = reserved.carriage.carrier
        if kind != carrier.kind:
            carrier = carriers()[kind]({})
        rows = [one for one in claimed.sending if one.provider == kind]
        handed = hand_over(
            carrier,
            FilledIn(rows, batch.frame, now=now),
            heart=heart,
            now=now,
            connections=reserved.granted.connections,
        )
        handed_over.append((rows, handed))
        if kind == reserved.carriage.carrier.kind:
            PACE.learn(
                (account_id, channel, kind),
                handed.outcomes,
                seconds=handed.seconds,
                connections=reserved.granted.connections,
            )
            left = handed
    with in_account(account_id):
        for rows, handed in handed_over:
            write_down(rows, handed, heart=heart, now=clock())
            give_back(claimed, handed.outcomes)
            sent = [one.delivery_id for one in handed.outcomes if one.state == "sent"]
            note_blanks(blanks=batch.frame.blanks, sent=sent, now=clock())
        note_batch(reserved, left, len(claimed.sending), lane, heart=heart, now=clock())
    return claimed.seen >= reserved.most and left.problem is None


def note_batch(
    reserved: Reserved, handed: Handed, claimed: int, lane: Lane, *, heart: Heart, now: datetime
) -> None:
    """Give back what was reserved of a provider, and note how it did; the sandbox has no row."""
    if reserved.carriage.provider_id is None:
        return
    unattempted = sum(not one.is_attempted for one in handed.outcomes)
    note_provider(
        reserved.carriage.provider_id,
        holder=f"{heart.sender} {lane}",
        problem=handed.problem,
        has_sent=any(one.state == "sent" for one in handed.outcomes),
        unattempted=unattempted + reserved.granted.messages - claimed,
        now=now,
    )


class FilledIn:
    """
    The messages of a batch, filled in as they are taken.

    `ids` are all of its deliveries, `refused` those so far that could not be filled in;
    `seconds` is for how long they were waited for. What a slow template leaves when the batch's
    time is over goes back to the queue.
    """

    def __init__(self, rows: Sequence[Claimed], frame: Frame, *, now: datetime) -> None:
        # The other half is for handing over what was filled in.
        self.end = time.monotonic() + BATCH_SECONDS / 2
        self.rows = rows
        self.frame = frame
        self.now = now
        self.ids = [row.id for row in rows]
        self.refused: list[Refused] = []
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Outgoing]:
        """Yield each message; the next ones are filled in while these are on their way."""
        places = [0, *range(FIRST_FILLED_IN, len(self.rows), FILLED_IN), len(self.rows)]
        some = [self.rows[first:after] for first, after in pairwise(places) if after > first]
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="filling in") as ahead:
            coming = [ahead.submit(self.fill, rows) for rows in some[:1]]
            for number in range(1, len(some) + 1):
                began = time.monotonic()
                ready = coming.pop().result()
                self.seconds += time.monotonic() - began
                coming = [ahead.submit(self.fill, rows) for rows in some[number : number + 1]]
                yield from ready

    def is_late(self) -> bool:
        """Say whether the batch's time is over."""
        return time.monotonic() > self.end

    def fill(self, rows: Sequence[Claimed]) -> list[Outgoing]:
        """Fill some in."""
        ready, refused = compose(rows, self.frame, now=self.now, stop=self.is_late)
        self.refused += refused
        return ready


def reserve(
    account_id: int, channel: Channel, lane: Lane, *, heart: Heart, now: datetime
) -> Reserved | None:
    """
    Take as much of the provider as is allowed now and as waits; None where there is nothing.

    In a transaction of its own: the provider's row is locked for moments, not while a
    batch is claimed, so that urgent messages get at it.
    """
    waiting = int(sql.fetch_value(waiting_statement(lane), channel=channel, most=MOST_WAITING))
    carriage = carriage_of(channel, now=now) if waiting else None
    if carriage is None:
        return None
    carrier, provider = carriage.carrier, carriage.provider
    key = (account_id, channel, carrier.kind)
    limit = most_connections(provider, carrier)
    allowed = Allowance(PACE.most(key, carrier, limit), limit)
    if provider is not None:
        allowed = allowance(provider, carrier, lane=lane, most=allowed.messages, now=now)
    if not allowed.messages:
        return None
    messages = min(allowed.messages, waiting)
    granted = Allowance(messages, PACE.connections(key, messages, allowed.connections))
    if provider is not None:
        take(
            provider,
            holder=f"{heart.sender} {lane}",
            messages=granted.messages,
            connections=granted.connections,
            now=now,
        )
    return Reserved(carriage, granted, allowed.messages)


def waiting_statement(lane: Lane) -> str:
    """Return the statement that counts what waits in a lane, up to so many."""
    return f"""
        SELECT count(*)
        FROM (
            SELECT delivery.id
            FROM messaging_delivery AS delivery
            WHERE
                delivery.state = 'queued' AND delivery.channel = %(channel)s AND {lane.condition}
            LIMIT %(most)s
        ) AS waiting
    """


def claim_batch(
    account_id: int,
    channel: Channel,
    lane: Lane,
    reserved: Reserved,
    *,
    heart: Heart,
    now: datetime,
) -> Batch:
    """Claim what was reserved, as far as it still waits."""
    claimed = claim(
        channel=channel,
        provider=reserved.carriage.carrier.kind,
        sender=heart.sender,
        most=reserved.granted.messages,
        lane=lane,
        now=now,
    )
    return Batch(claimed, load_frame(claimed.sending, account_id=account_id))


class Letters(Protocol):
    """Messages to hand over, of the deliveries `ids`; see `FilledIn`."""

    ids: list[int]
    refused: list[Refused]
    seconds: float

    def __iter__(self) -> Iterator[Outgoing]: ...

    def __len__(self) -> int: ...


def hand_over(
    carrier: Carrier,
    batch: Letters,
    *,
    heart: Heart,
    now: datetime,
    connections: int = 1,
) -> Handed:
    """
    Give a batch to its provider, outside of any transaction.

    Stops when the batch takes too long or when nobody hears our heart: what has not been
    attempted goes back to the queue.
    """
    handed = Handed()
    began = time.monotonic()

    def stop() -> bool:
        return time.monotonic() > began + BATCH_SECONDS or not heart.is_beating

    try:
        for outcome in carrier.send(batch, now=now, stop=stop, connections=connections):
            handed.outcomes.append(outcome)
    except ProviderError as problem:
        handed.problem = problem
    except Exception:
        log.exception("The provider %s broke down in a batch of %s.", carrier.kind, len(batch))
        handed.problem = ProviderError("The provider broke down; see the log.")
    # While messages are waited for, no connection is busy.
    handed.seconds = max(0.0, time.monotonic() - began - batch.seconds)
    handed.outcomes += [Outcome(one.delivery_id, "failed", one.reason) for one in batch.refused]
    done = {outcome.delivery_id for outcome in handed.outcomes}
    handed.outcomes += [
        Outcome(number, "queued", is_attempted=False) for number in batch.ids if number not in done
    ]
    return handed


def write_down(claimed: Sequence[Claimed], handed: Handed, *, heart: Heart, now: datetime) -> None:
    """Write a batch's outcomes with one UPDATE, tell who listens, heed what has bounced."""
    rows = {row.id: row for row in claimed}
    again = {row.id for row in claimed if row.resend_unknown and row.attempts < MOST_ATTEMPTS}
    outcomes = [
        Outcome(one.delivery_id, "deferred", one.reason, retry_after=RETRY_AFTER.total_seconds())
        if one.state == "unknown" and one.delivery_id in again
        else one
        for one in handed.outcomes
    ]
    sql.execute(
        sql.statement("messaging", "write_outcomes"),
        outcomes=json.dumps([as_written(one, rows[one.delivery_id], now) for one in outcomes]),
        sender=heart.sender,
        now=now,
    )
    lost = [one.delivery_id for one in handed.outcomes if one.state == "unknown"]
    settle_by_kept(deliveries=lost, now=now)
    tell_of_deliveries(ids=[one.delivery_id for one in outcomes], now=now)
    refused = [(rows[one.delivery_id], one) for one in outcomes if one.bounce]
    if refused:
        record_provider_events([bounce(row, one, now) for row, one in refused], now=now)


def bounce(row: Claimed, outcome: Outcome, now: datetime) -> ProviderEvent:
    """Return a recipient's refusal as what a provider would tell of it later."""
    return ProviderEvent(
        provider=row.provider,
        event_id=f"refused {row.id} {row.attempts}",
        kind="bounced",
        occurred_at=now,
        address=row.address,
        detail={
            "bounce": outcome.bounce,
            "reason": outcome.reason,
            "delivery": tokens.sign("delivery", row.account_id, row.id),
        },
    )


def as_written(outcome: Outcome, row: Claimed, now: datetime) -> dict[str, Any]:
    """Return an outcome as its statement takes it; no text of PostgreSQL holds a NUL."""
    tried_again = retry_at(outcome, row.attempts, now)
    return {
        "id": outcome.delivery_id,
        "state": outcome.state,
        "reason": outcome.reason[:200].replace("\0", ""),
        "provider_message_id": outcome.provider_message_id[:200].replace("\0", ""),
        "is_attempted": outcome.is_attempted,
        "retry_at": tried_again.isoformat() if tried_again is not None else None,
    }


def retry_at(outcome: Outcome, attempts: int, now: datetime) -> datetime | None:
    """Return when a deferred message is tried again."""
    if outcome.state != "deferred":
        return None
    return now + recipient_pause(attempts, retry_after=outcome.retry_after)
