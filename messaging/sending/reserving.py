"""How much of a provider a turn may take: reserved before anything is claimed, given back after."""

from dataclasses import dataclass
from datetime import datetime

from accounts.tenancy import sql
from messaging.models.message import Channel
from messaging.sending.allowance import Allowance, allowance, most_connections, take
from messaging.sending.carriage import Carriage, carriage_of, note_provider
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.outcomes import Handed
from messaging.sending.pace import PACE

MOST_WAITING = 5_000  # no turn is larger


@dataclass(frozen=True)
class Reserved:
    """What may be sent of one channel by whom; `most` is what a full batch would be."""

    carriage: Carriage
    granted: Allowance
    most: int


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
