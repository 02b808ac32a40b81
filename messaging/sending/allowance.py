"""
How much a sender may take of a provider: its rate and its connections, for all senders.

Both are kept in the provider's row, which is locked while a batch is claimed: the rate as
a bucket of tokens that fills by the second and holds those of one second, connections as
leases that end by themselves should their sender die: however long a server takes to answer, a
sender that lives keeps its own.

The bulk lane leaves a part of both to the urgent one, and takes nothing of a provider
with a single connection, or of less than five messages a second, while something urgent waits
for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Heartbeat
from accounts.tenancy import sql
from messaging.models import Provider
from messaging.providers import Carrier
from messaging.sending.lanes import IS_URGENT, Lane

BURST_SECONDS = 1.0
URGENT_SHARE = 0.2
LEASE = timedelta(seconds=60)
# Urgent deliveries of the channel that wait.
WAITING = f"""
    SELECT EXISTS (
        SELECT delivery.id
        FROM messaging_delivery AS delivery
        WHERE delivery.state = 'queued' AND delivery.channel = %(channel)s AND {IS_URGENT}
    )
"""


@dataclass(frozen=True)
class Allowance:
    """So many messages over so many connections; none of the one, none of the other."""

    messages: int
    connections: int


NOTHING = Allowance(0, 0)


def most_connections(provider: Provider | None, carrier: Carrier) -> int:
    """Return how many connections all senders together may use."""
    chosen = provider.concurrency if provider is not None else None
    return max(1, chosen or carrier.connections)


def allowance(
    provider: Provider, carrier: Carrier, *, lane: Lane, most: int, now: datetime
) -> Allowance:
    """Return what may be taken of a locked provider now; `take` writes down what was."""
    connections = free_connections(provider, carrier, lane=lane, now=now)
    if connections < 1:
        return NOTHING
    refill(provider, now=now)
    messages = min(most, free_tokens(provider, lane=lane, most=most))
    return Allowance(messages, connections) if messages >= 1 else NOTHING


def free_connections(provider: Provider, carrier: Carrier, *, lane: Lane, now: datetime) -> int:
    """Return how many connections are free for a lane."""
    limit = most_connections(provider, carrier)
    held = living(provider.leases, now)
    free = limit - sum(count for count, _ in held.values())
    if lane is Lane.URGENT:
        return free
    if limit == 1:
        return 0 if free and urgent_waits(provider) else free
    return free - 1 if not any(name.endswith(Lane.URGENT) for name in held) else free


def refill(provider: Provider, *, now: datetime) -> None:
    """Add the tokens of the time that has passed."""
    rate = provider.rate_per_second
    if rate is None:
        return
    most = max(1.0, rate * BURST_SECONDS)
    if provider.tokens_at is None:
        provider.tokens = most
    else:
        passed = max(0.0, (now - provider.tokens_at).total_seconds())
        provider.tokens = min(most, provider.tokens + rate * passed)
    provider.tokens_at = max(now, provider.tokens_at or now)


def free_tokens(provider: Provider, *, lane: Lane, most: int) -> int:
    """Return how many messages the rate allows a lane."""
    rate = provider.rate_per_second
    if rate is None:
        return most
    reserve = rate * BURST_SECONDS * URGENT_SHARE if lane is Lane.BULK else 0.0
    if 0 < reserve < 1:  # a part of a message is none
        reserve = provider.tokens if urgent_waits(provider) else 0.0
    return int(provider.tokens - reserve + 1e-6)


def urgent_waits(provider: Provider) -> bool:
    """Say whether something urgent waits for a provider."""
    return bool(sql.fetch_value(WAITING, channel=provider.channel))


def take(
    provider: Provider, *, holder: str, messages: int, connections: int, now: datetime
) -> None:
    """Write down what a sender has taken of a locked provider."""
    provider.leases = {
        **{name: list(lease) for name, lease in living(provider.leases, now).items()},
        holder: [connections, (now + LEASE).isoformat()],
    }
    if provider.rate_per_second is not None:
        provider.tokens -= messages
    provider.save(update_fields=["leases", "tokens", "tokens_at"])


def give_back(provider: Provider, *, holder: str, messages: int) -> None:
    """Take a sender's lease from a locked provider; return tokens of what was not attempted."""
    provider.leases = {name: lease for name, lease in provider.leases.items() if name != holder}
    if provider.rate_per_second is not None:
        provider.tokens += messages


def living(leases: Mapping[str, Any], now: datetime) -> dict[str, tuple[int, str]]:
    """Return the leases that have not ended, and those of senders whose heart still beats."""
    over = {name for name, (_, until) in leases.items() if datetime.fromisoformat(until) <= now}
    over -= beating(over, now)
    return {
        name: (int(count), until) for name, (count, until) in leases.items() if name not in over
    }


def beating(holders: Collection[str], now: datetime) -> set[str]:
    """Return those of some holders (a sender and its lane) that have beaten within a lease."""
    if not holders:
        return set()
    senders = {holder: holder.rpartition(" ")[0] for holder in holders}
    found = Heartbeat.objects.filter(part__in=set(senders.values()), beat_at__gt=now - LEASE)
    alive = set(found.values_list("part", flat=True))
    return {holder for holder, sender in senders.items() if sender in alive}
