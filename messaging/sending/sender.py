"""One account's turn: settle, claim, fill in, hand over, write down."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.tenancy import in_account, sql
from messaging.actions.providers import Carriage, carriage_of, note_provider
from messaging.actions.receipts import tell_of_deliveries
from messaging.models.message import Channel
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, carriers
from messaging.sending.allowance import Allowance, allowance, most_connections, take
from messaging.sending.backoff import recipient_pause
from messaging.sending.claim import (
    MOST_ATTEMPTS,
    Claim,
    Claimed,
    claim,
    settle_and_release,
    take_turn,
)
from messaging.sending.compose import Frame, compose, load_frame
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane

# A batch is to take about a second, so that other accounts come next and urgent messages
# find a connection; what is left of one that takes longer goes back to the queue.
BATCH_SECONDS = 5.0
AIM_SECONDS = 1.0
FEWEST = 10
RETRY_AFTER = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass
class Handed:
    """What became of a batch, and what is wrong with the provider, if anything."""

    outcomes: list[Outcome] = field(default_factory=list)
    problem: ProviderError | None = None
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """What is wrong with the provider, in words; "" for nothing."""
        return self.problem.message if self.problem else ""


@dataclass(frozen=True)
class Batch:
    """What was claimed of one channel, and who carries it."""

    carriage: Carriage
    claimed: Claim
    frame: Frame
    granted: Allowance
    most: int


class Pace:
    """
    How long a message keeps a connection busy, as this process last saw it, by channel.

    A batch is cut so that all connections together take about a second for it, and takes
    no more of them than that needs: a fast server's are left to other senders.
    """

    def __init__(self) -> None:
        self.seconds: dict[tuple[int, str, str], float] = {}

    def most(self, key: tuple[int, str, str], carrier: Carrier, connections: int) -> int:
        """Return how many messages to claim."""
        each = self.seconds.get(key)
        if each is None:
            return carrier.batch_size
        fits = int(connections * AIM_SECONDS / each)
        return max(min(FEWEST, carrier.batch_size), min(carrier.batch_size, fits))

    def connections(self, key: tuple[int, str, str], messages: int, free: int) -> int:
        """Return how many connections a batch is worth."""
        each = self.seconds.get(key)
        if each is None:
            return free
        return max(1, min(free, math.ceil(messages * each / AIM_SECONDS)))

    def learn(self, key: tuple[int, str, str], handed: Handed, connections: int) -> None:
        """Remember a batch's pace; a few messages say nothing of it."""
        if len(self.seconds) > 10_000:
            self.seconds.clear()
        tried = sum(one.is_attempted for one in handed.outcomes)
        if tried >= FEWEST or handed.seconds > AIM_SECONDS:
            each = handed.seconds * min(connections, max(tried, 1)) / max(tried, 1)
            self.seconds[key] = max(each, 0.0001)


PACE = Pace()


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
        batch = claim_batch(account_id, channel, lane, heart=heart, now=now)
    if batch is None:
        return False
    claimed = batch.claimed
    left = Handed()
    for kind in sorted({one.provider for one in claimed.sending}):
        carrier = batch.carriage.carrier
        if kind != carrier.kind:
            carrier = carriers()[kind]({})
        rows = [one for one in claimed.sending if one.provider == kind]
        ready, refused = compose(rows, batch.frame, now=now)
        handed = hand_over(
            carrier, ready, heart=heart, now=now, connections=batch.granted.connections
        )
        if kind == batch.carriage.carrier.kind:
            PACE.learn((account_id, channel, kind), handed, batch.granted.connections)
            left = handed
        handed.outcomes += [Outcome(one.delivery_id, "failed", one.reason) for one in refused]
        write_down(account_id, rows, handed, heart=heart, now=clock())
    if batch.carriage.provider_id is not None:
        with in_account(account_id):
            note_provider(
                batch.carriage.provider_id,
                holder=f"{heart.sender} {lane}",
                problem=left.problem,
                has_sent=any(one.state == "sent" for one in left.outcomes),
                unattempted=sum(not one.is_attempted for one in left.outcomes),
                now=clock(),
            )
    return claimed.seen >= batch.most and left.problem is None


def claim_batch(
    account_id: int, channel: Channel, lane: Lane, *, heart: Heart, now: datetime
) -> Batch | None:
    """Claim a batch as large as the provider allows now; None where there is nothing to do."""
    carriage = carriage_of(channel, now=now)
    if carriage is None:
        return None
    carrier, provider = carriage.carrier, carriage.provider
    key = (account_id, channel, carrier.kind)
    limit = most_connections(provider, carrier)
    granted = Allowance(PACE.most(key, carrier, limit), limit)
    if provider is not None:
        granted = allowance(provider, carrier, lane=lane, most=granted.messages, now=now)
    if not granted.messages:
        return None
    claimed = claim(
        channel=channel,
        provider=carrier.kind,
        sender=heart.sender,
        most=granted.messages,
        lane=lane,
        now=now,
    )
    if not claimed.seen:
        return None
    connections = PACE.connections(key, len(claimed.sending), granted.connections)
    granted = Allowance(granted.messages, connections)
    if provider is not None:
        take(
            provider,
            holder=f"{heart.sender} {lane}",
            messages=len(claimed.sending),
            connections=connections,
            now=now,
        )
    frame = load_frame(claimed.sending, account_id=account_id)
    return Batch(carriage, claimed, frame, granted, granted.messages)


def hand_over(
    carrier: Carrier,
    batch: Sequence[Outgoing],
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
    handed.seconds = time.monotonic() - began
    done = {outcome.delivery_id for outcome in handed.outcomes}
    handed.outcomes += [
        Outcome(message.delivery_id, "queued", is_attempted=False)
        for message in batch
        if message.delivery_id not in done
    ]
    return handed


def write_down(
    account_id: int, claimed: Sequence[Claimed], handed: Handed, *, heart: Heart, now: datetime
) -> None:
    """Write a batch's outcomes with one UPDATE, and tell who listens."""
    rows = {row.id: row for row in claimed}
    again = {row.id for row in claimed if row.resend_unknown and row.attempts < MOST_ATTEMPTS}
    outcomes = [
        Outcome(one.delivery_id, "deferred", one.reason, retry_after=RETRY_AFTER.total_seconds())
        if one.state == "unknown" and one.delivery_id in again
        else one
        for one in handed.outcomes
    ]
    with in_account(account_id):
        sql.execute(
            sql.statement("messaging", "write_outcomes"),
            ids=[one.delivery_id for one in outcomes],
            states=[one.state for one in outcomes],
            reasons=[one.reason[:200] for one in outcomes],
            provider_message_ids=[one.provider_message_id[:200] for one in outcomes],
            attempted=[one.is_attempted for one in outcomes],
            retry_ats=[retry_at(one, rows[one.delivery_id].attempts, now) for one in outcomes],
            sender=heart.sender,
            now=now,
        )
        tell_of_deliveries(ids=[one.delivery_id for one in outcomes], now=now)


def retry_at(outcome: Outcome, attempts: int, now: datetime) -> datetime | None:
    """Return when a deferred message is tried again."""
    if outcome.state != "deferred":
        return None
    return now + recipient_pause(attempts, retry_after=outcome.retry_after)
