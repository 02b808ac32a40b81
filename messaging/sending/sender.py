"""
One account's turn: settle, claim, fill in, hand over, write down.

What is reserved of a provider is claimed piece by piece: while one travels, the next one's
templates run, what became of the one before is written down, and another one is claimed. So the
connection waits for neither, and no more is claimed than what leaves within moments.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from accounts.tenancy import in_account
from messaging.actions.blanks import note_blanks
from messaging.models.message import Channel
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, carriers
from messaging.sending.claim import (
    Claim,
    Claimed,
    claim,
    give_back,
    settle_and_release,
    take_turn,
)
from messaging.sending.compose import Frame, load_frame
from messaging.sending.filling import FilledIn
from messaging.sending.finishing import Refused
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.outcomes import Handed, write_down
from messaging.sending.pace import PACE
from messaging.sending.reserving import Reserved, note_batch, reserve

# What is left of a turn that takes longer goes back to the queue.
BATCH_SECONDS = 5.0
# So many are claimed at a time, and so many at first: nothing is on its way before.
PIECE, FIRST_PIECE = 800, 100

log = logging.getLogger(__name__)


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
    with in_account(account_id):
        reserved = reserve(account_id, channel, lane, heart=heart, now=clock())
    if reserved is None:
        return False
    turn = Turn(account_id, channel, lane, reserved, heart=heart, clock=clock)
    try:
        turn.send()
    finally:
        turn.end()
    return turn.is_full


class Turn:
    """
    One batch of a channel, on its way in pieces.

    `left` may still be claimed, `seen` was; `rows` are claimed and not yet written down,
    `handed` is what became of them, the first `written` outcomes of it stored.
    """

    def __init__(
        self,
        account_id: int,
        channel: Channel,
        lane: Lane,
        reserved: Reserved,
        *,
        heart: Heart,
        clock: Callable[[], datetime],
    ) -> None:
        self.account_id = account_id
        self.channel = channel
        self.lane = lane
        self.reserved = reserved
        self.heart = heart
        self.clock = clock
        self.carrier = reserved.carriage.carrier
        self.left = reserved.granted.messages
        self.seen = self.claimed = self.written = 0
        self.rows: dict[int, tuple[Claimed, Batch]] = {}
        self.handed = Handed()
        self.elsewhere: list[Outcome] = []
        self.frame: Frame | None = None
        self.is_over = False

    @property
    def is_full(self) -> bool:
        """Say whether more may be sent at once."""
        had_more = self.seen >= self.reserved.most or self.left > 0
        return had_more and self.handed.problem is None

    def send(self) -> None:
        """Claim and hand over; in this thread where it is one piece."""
        is_one = self.carrier.is_ours or self.left <= FIRST_PIECE
        began = time.monotonic()
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="turn") as threads:
            filled = FilledIn(
                threads,
                most=self.left,
                until=began + BATCH_SECONDS / 2,
                only_mime=self.carrier.only_mime,
            )
            try:
                self.claim_piece(filled, most=self.left if is_one else FIRST_PIECE)
                if self.left:
                    carrying = threads.submit(self.carry, filled)
                    try:
                        self.claim_more(filled, until=began + BATCH_SECONDS / 2)
                    finally:
                        # Should a claim break down: what was claimed before it goes on its way.
                        filled.end()
                        carrying.result()
                else:
                    filled.end()
                    self.carry(filled)
            finally:
                filled.end()

    def claim_more(self, filled: FilledIn, *, until: float) -> None:
        """Claim piece after piece as they are begun, and write down what has left."""
        while self.left:
            filled.begun.acquire()
            if self.is_over or time.monotonic() > until:
                return
            self.write_some()
            while not self.claim_piece(filled, most=min(self.left, PIECE)):
                if not self.left:
                    return

    def claim_piece(self, filled: FilledIn, *, most: int) -> bool:
        """Claim so many and let them follow; say whether any is to be sent by the provider."""
        now = self.clock()
        with in_account(self.account_id):
            batch = claim_batch(self, most=most, now=now)
        claimed = batch.claimed
        self.frame = batch.frame
        self.seen += claimed.seen
        self.claimed += len(claimed.sending)
        self.left = self.left - most if claimed.seen >= most else 0
        self.rows.update((row.id, (row, batch)) for row in claimed.sending)
        own = [row for row in claimed.sending if row.provider == self.carrier.kind]
        if len(own) < len(claimed.sending):
            self.hand_elsewhere(batch, now=now)
        if own:
            filled.add(own, batch.frame, now=now)
        return bool(own)

    def hand_elsewhere(self, batch: Batch, *, now: datetime) -> None:
        """Hand over what another one carries: test runs' messages stay in the house."""
        rows = [row for row in batch.claimed.sending if row.provider != self.carrier.kind]
        for kind in sorted({row.provider for row in rows}):
            with ThreadPoolExecutor(max_workers=1) as thread:
                some = [row for row in rows if row.provider == kind]
                until = time.monotonic() + BATCH_SECONDS / 2
                filled = FilledIn(thread, most=len(some), until=until)
                filled.add(some, batch.frame, now=now)
                filled.end()
                handed = hand_over(carriers()[kind]({}), filled, heart=self.heart, now=now)
                self.elsewhere += handed.outcomes

    def carry(self, filled: FilledIn) -> None:
        """Hand over what comes, and remember the provider's pace."""
        connections = self.reserved.granted.connections
        try:
            hand_over(
                self.carrier,
                filled,
                heart=self.heart,
                now=self.clock(),
                connections=connections,
                handed=self.handed,
            )
            PACE.learn(
                (self.account_id, self.channel, self.carrier.kind),
                self.handed.outcomes,
                seconds=self.handed.seconds,
                connections=connections,
            )
        finally:
            self.is_over = True
            filled.begun.release()

    def write_some(self) -> None:
        """Write down what has left so far."""
        with in_account(self.account_id):
            self.write()

    def end(self) -> None:
        """Write down what is left, and give back what was reserved."""
        with in_account(self.account_id):
            self.write()
            unsent = [Outcome(number, "queued", is_attempted=False) for number in self.rows]
            self.handed.outcomes += unsent
            self.write()
            note_batch(
                self.reserved,
                self.handed,
                self.claimed,
                self.lane,
                heart=self.heart,
                now=self.clock(),
            )

    def write(self) -> None:
        """Write down the outcomes since the last time; within a transaction."""
        fresh = self.handed.outcomes[self.written :]
        self.written += len(fresh)
        fresh += self.elsewhere
        self.elsewhere = []
        if not fresh:
            return
        now = self.clock()
        found = [self.rows.pop(one.delivery_id) for one in fresh if one.delivery_id in self.rows]
        write_down([row for row, _ in found], Handed(fresh), heart=self.heart, now=now)
        sent = [one.delivery_id for one in fresh if one.state == "sent"]
        for batch in {id(batch): batch for _, batch in found}.values():
            give_back(batch.claimed, fresh)
            note_blanks(blanks=batch.frame.blanks, sent=sent, now=now)


def claim_batch(turn: Turn, *, most: int, now: datetime) -> Batch:
    """Claim so many of what was reserved, as far as they still wait."""
    claimed = claim(
        channel=turn.channel,
        provider=turn.carrier.kind,
        sender=turn.heart.sender,
        most=most,
        lane=turn.lane,
        now=now,
    )
    frame = load_frame(claimed.sending, account_id=turn.account_id, known=turn.frame)
    return Batch(claimed, frame)


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
    handed: Handed | None = None,
) -> Handed:
    """
    Give a batch to its provider, outside of any transaction; `handed` grows meanwhile.

    Stops when the batch takes too long or when nobody hears our heart: what has not been
    attempted goes back to the queue.
    """
    handed = handed if handed is not None else Handed()
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
