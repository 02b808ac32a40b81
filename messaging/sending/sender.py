"""One account's turn: settle, claim, fill in, hand over, write down."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.tenancy import in_account, sql
from messaging.actions.providers import carrier_of, note_provider_error
from messaging.actions.receipts import tell_of_deliveries
from messaging.models.message import Channel
from messaging.providers import Carrier, Outcome, Outgoing, ProviderError, carriers
from messaging.sending.claim import MOST_ATTEMPTS, Claimed, claim, settle_and_release
from messaging.sending.compose import compose, load_frame
from messaging.sending.heart import Heart

BATCH_SECONDS = 100.0  # what is left of a slow batch then goes back to the queue
RETRY_AFTER = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass
class Handed:
    """What became of a batch, and what is wrong with the provider, if anything."""

    outcomes: list[Outcome] = field(default_factory=list)
    error: str = ""


def serve(account_id: int, *, heart: Heart, clock: Callable[[], datetime]) -> bool:
    """Send one batch of each channel of an account; say whether more may be waiting."""
    with in_account(account_id):
        settle_and_release(now=clock())
    more = [send_batch(account_id, channel, heart=heart, clock=clock) for channel in Channel]
    return any(more)


def send_batch(
    account_id: int, channel: Channel, *, heart: Heart, clock: Callable[[], datetime]
) -> bool:
    """Claim and send one batch; say whether it was a full one."""
    now = clock()
    with in_account(account_id):
        carrier = usable_carrier(channel)
        if carrier is None:
            return False
        claimed = claim(
            channel=channel,
            provider=carrier.kind,
            sender=heart.sender,
            most=carrier.batch_size,
            now=now,
        )
        frame = load_frame(claimed.sending, account_id=account_id)
    for kind in sorted({one.provider for one in claimed.sending}):
        carried_by = carrier if kind == carrier.kind else carriers()[kind]({})
        batch = [one for one in claimed.sending if one.provider == kind]
        ready, refused = compose(batch, frame, now=now)
        handed = hand_over(carried_by, ready, heart=heart, now=now)
        handed.outcomes += [Outcome(one.delivery_id, "failed", one.reason) for one in refused]
        write_down(account_id, channel, batch, handed, heart=heart, now=clock())
    return claimed.seen >= carrier.batch_size


def usable_carrier(channel: Channel) -> Carrier | None:
    """Return what carries a channel; None while it is paused or cannot be used."""
    try:
        return carrier_of(channel)
    except ProviderError as wrong:
        note_provider_error(channel=channel, error=wrong.message)
        return None


def hand_over(
    carrier: Carrier, batch: Sequence[Outgoing], *, heart: Heart, now: datetime
) -> Handed:
    """
    Give a batch to its provider, outside of any transaction.

    Stops when the batch takes too long or when nobody hears our heart: what has not been
    attempted goes back to the queue.
    """
    handed = Handed()
    end = time.monotonic() + BATCH_SECONDS
    try:
        for outcome in carrier.send(batch, now=now):
            handed.outcomes.append(outcome)
            if time.monotonic() > end or not heart.is_beating:
                break
    except ProviderError as wrong:
        handed.error = wrong.message
    except Exception:
        log.exception("The provider %s broke down in a batch of %s.", carrier.kind, len(batch))
        handed.error = "The provider broke down; see the log."
        settle_broken(carrier, batch, handed)
    done = {outcome.delivery_id for outcome in handed.outcomes}
    handed.outcomes += [
        Outcome(message.delivery_id, "queued", is_attempted=False)
        for message in batch
        if message.delivery_id not in done
    ]
    return handed


def settle_broken(carrier: Carrier, batch: Sequence[Outgoing], handed: Handed) -> None:
    """Say what became of the message in whose midst the provider broke down."""
    done = {outcome.delivery_id for outcome in handed.outcomes}
    broken = next((one for one in batch if one.delivery_id not in done), None)
    if broken is not None:
        state = "deferred" if carrier.idempotent else "unknown"
        handed.outcomes.append(Outcome(broken.delivery_id, state, "connection lost"))


def write_down(
    account_id: int,
    channel: Channel,
    claimed: Sequence[Claimed],
    handed: Handed,
    *,
    heart: Heart,
    now: datetime,
) -> None:
    """Write a batch's outcomes with one UPDATE, and tell who listens."""
    again = {row.id for row in claimed if row.resend_unknown and row.attempts < MOST_ATTEMPTS}
    outcomes = [
        Outcome(one.delivery_id, "deferred", one.reason)
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
            sender=heart.sender,
            now=now,
            retry_at=now + RETRY_AFTER,
        )
        tell_of_deliveries(ids=[one.delivery_id for one in outcomes], now=now)
        note_provider_error(channel=channel, error=handed.error)
