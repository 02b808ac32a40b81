"""What carries a channel while a batch is sent, and how the provider did."""

from dataclasses import dataclass
from datetime import datetime

from messaging.actions.providers import carrier_for, forget_troubles, note_error
from messaging.models import Provider
from messaging.providers import Carrier, ProviderError, carriers
from messaging.sending.allowance import give_back
from messaging.sending.backoff import provider_pause


@dataclass(frozen=True)
class Carriage:
    """What carries a channel now: the sandbox has no row, and no limits."""

    carrier: Carrier
    provider: Provider | None = None

    @property
    def provider_id(self) -> int | None:
        """The row of the provider."""
        return self.provider.pk if self.provider is not None else None


def carriage_of(channel: str, *, now: datetime) -> Carriage | None:
    """
    Return what carries a channel, its row locked; None while it may not be used.

    That is while it is paused, left alone after it was throttled, or its secrets cannot be
    read, which is noted.
    """
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    if provider is None:
        return Carriage(carriers()["sandbox"]({}))
    if waits(provider, now=now):
        return None
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    if waits(provider, now=now):
        return None
    if provider.kind == "sandbox":
        return Carriage(carrier_for(provider))
    try:
        return Carriage(carrier_for(provider), provider)
    except ProviderError as wrong:
        note_error(provider, wrong.message, now=now)
        provider.save()
        return None


def waits(provider: Provider, *, now: datetime) -> bool:
    """Say whether nothing may be sent by a provider now."""
    if provider.paused_at is not None or not provider.is_default:
        return True
    return provider.throttled_until is not None and provider.throttled_until > now


def note_provider(
    provider_id: int,
    *,
    holder: str,
    problem: ProviderError | None,
    has_sent: bool,
    unattempted: int,
    now: datetime,
) -> None:
    """
    Write down how a batch went: its lease ends; a provider with a problem is left alone.

    Each problem in a row doubles the time; a message that was sent ends the row.
    """
    provider = Provider.objects.select_for_update().filter(pk=provider_id).first()
    if provider is None:
        return
    give_back(provider, holder=holder, messages=unattempted)
    if has_sent:
        provider.throttle_count = 0
    if problem is not None:
        provider.throttle_count += 1
        wait = provider_pause(provider.throttle_count, retry_after=problem.retry_after)
        provider.throttled_until = now + wait
        note_error(provider, problem.message, now=now)
    elif has_sent:
        forget_troubles(provider)
    provider.save()
