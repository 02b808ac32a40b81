"""What became of messages, written down; who is told of it, and what is tried again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.tenancy import sql
from messaging import tokens
from messaging.actions.provider_events import (
    ProviderEvent,
    record_provider_events,
    settle_by_kept,
)
from messaging.actions.receipts import tell_of_deliveries
from messaging.providers import Outcome, ProviderError
from messaging.sending.backoff import recipient_pause
from messaging.sending.claim import MOST_ATTEMPTS, Claimed
from messaging.sending.heart import Heart

RETRY_AFTER = timedelta(minutes=1)


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
