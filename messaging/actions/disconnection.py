"""Taking a provider away, and back again when that was a mistake."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError
from accounts.models import ApiClient, User
from accounts.tenancy import current_account_id
from accounts.tenancy.wake import wake
from messaging.actions.providers import note
from messaging.models import Delivery, Provider
from messaging.models.delivery import DeliveryState

MOST_COUNTED = 10_000
KEPT = (
    *("id", "channel", "kind", "settings", "secret", "hook_key"),
    *("is_default", "rate_per_second", "concurrency"),
)


def disconnect_provider(
    *, provider: Provider, now: datetime, by: User | ApiClient | None = None
) -> Mapping[str, Any]:
    """
    Forget a provider and its secrets; without a default the channel is the sandbox's.

    Return what `restore_provider` needs to take that back, as JSON has it; its secrets are
    encrypted as they were at rest.

    :raises InvalidValueError: field `provider` for the default while others are connected:
        which of them takes over must be said first.
    """
    others = Provider.objects.filter(channel=provider.channel).exclude(pk=provider.pk)
    if provider.is_default and others.exists():
        raise InvalidValueError(
            "provider", "Choose another default sender first: this one carries the messages."
        )
    kept = {name: getattr(provider, name) for name in KEPT}
    paused_at = provider.paused_at
    note(provider, "deleted", now=now, by=by)
    provider.delete()
    return {
        **kept,
        "account": current_account_id(),
        "paused_at": paused_at.isoformat() if paused_at else "",
    }


def restore_provider(
    *, kept: Mapping[str, Any], now: datetime, by: User | ApiClient | None = None
) -> Provider:
    """
    Take a provider back as it was: the address that it calls back stays the same.

    :raises InvalidValueError: field `provider`, if it is another account's, or one of its kind
        was connected meanwhile.
    """
    of_channel = Provider.objects.filter(channel=kept["channel"])
    if kept["account"] != current_account_id() or of_channel.filter(kind=kept["kind"]).exists():
        raise InvalidValueError("provider", "It cannot be taken back: connect it anew.")
    paused_at = kept["paused_at"]
    provider = Provider(
        **{name: kept[name] for name in KEPT},
        paused_at=datetime.fromisoformat(paused_at) if paused_at else None,
        updated_at=now,
    )
    provider.is_default = not of_channel.filter(is_default=True).exists()
    provider.save(force_insert=True)
    note(provider, "restored", now=now, by=by)
    wake("send")
    return provider


def count_waiting(channel: str) -> int:
    """Return how many messages of a channel wait to be sent, at most one above `MOST_COUNTED`."""
    states = [DeliveryState.QUEUED, DeliveryState.DEFERRED]
    waiting = Delivery.objects.filter(channel=channel, state__in=states)
    return waiting[: MOST_COUNTED + 1].count()
