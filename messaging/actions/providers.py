"""Who carries an account's messages; secrets are encrypted at rest."""

import secrets as drawn
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings as site

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from accounts.tenancy.wake import wake
from messaging.actions.provider_secrets import encrypt_all, stored_secrets
from messaging.models import Provider
from messaging.models.message import Channel
from messaging.providers import Carrier, carriers
from messaging.traceless import traceless

MOST_RATE = 10_000.0
MOST_CONNECTIONS = 200


def connect_provider(
    *,
    channel: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    rate_per_second: float | None = None,
    concurrency: int | None = None,
    is_default: bool | None = None,
    by: User | ApiClient | None = None,
) -> Provider:
    """
    Connect a provider to a channel of the current account, or change how it is set up.

    Secrets that are not given, or empty, stay as they are stored. The first of a channel
    becomes its default; `is_default` True makes this one so.

    :raises InvalidValueError: for an unknown kind or channel, settings it cannot work with.
    """
    carrier = carriers().get(kind)
    if carrier is None:
        raise InvalidValueError("kind", f"There is no provider named {kind}.")
    if channel not in carrier.channels:
        raise InvalidValueError("kind", f"{carrier.label} does not carry {channel}.")
    clean_limits(rate_per_second, concurrency)
    known = list(Provider.objects.select_for_update().filter(channel=channel).order_by("pk"))
    provider = next((one for one in known if one.kind == kind), None)
    was_there = provider is not None
    if provider is None:
        provider = Provider(channel=channel, kind=kind, hook_key=drawn.token_urlsafe(24))
    given = {name: value for name, value in (secrets or {}).items() if value}
    provider.settings = carrier.clean(settings)
    provider.secret = encrypt_all(
        carrier.clean_secrets(
            {**stored_secrets(provider, strict=False), **given}, provider.settings
        )
    )
    provider.rate_per_second = rate_per_second
    provider.concurrency = concurrency
    forget_troubles(provider)
    provider.updated_at = now
    becomes_default = bool(is_default) or not any(one.is_default for one in known)
    if becomes_default:
        Provider.objects.filter(channel=channel, is_default=True).update(is_default=False)
        provider.is_default = True
    provider.save()
    record(
        verb="updated" if was_there else "created",
        noun="provider",
        object_id=provider.pk,
        now=now,
        by=by,
        detail={"channel": channel, "kind": kind, "default": provider.is_default},
    )
    wake("send")
    return provider


def set_provider(
    *,
    channel: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    secrets: Mapping[str, str] | None = None,
    by: User | ApiClient | None = None,
) -> Provider:
    """Have a channel of the current account carried by a provider, from the next batch on."""
    return connect_provider(
        channel=channel,
        kind=kind,
        settings=settings,
        secrets=secrets,
        is_default=True,
        now=now,
        by=by,
    )


def clean_limits(rate_per_second: float | None, concurrency: int | None) -> None:
    """
    See that a rate and a number of connections can be kept.

    :raises InvalidValueError: for those that cannot.
    """
    if rate_per_second is not None and not 0.01 <= rate_per_second <= MOST_RATE:
        raise InvalidValueError(
            "rate_per_second", f"A rate is from 0.01 to {MOST_RATE:,.0f} messages a second."
        )
    if concurrency is not None and not 1 <= concurrency <= MOST_CONNECTIONS:
        raise InvalidValueError(
            "concurrency", f"The number of connections is from 1 to {MOST_CONNECTIONS}."
        )


def forget_troubles(provider: Provider) -> None:
    """Let a provider be tried at once."""
    provider.last_error = ""
    provider.last_error_at = None
    provider.throttled_until = None
    provider.throttle_count = 0


def make_default(*, provider: Provider, now: datetime, by: User | ApiClient | None = None) -> None:
    """Have the channel's messages go by this provider from the next batch on."""
    Provider.objects.filter(channel=provider.channel, is_default=True).update(is_default=False)
    Provider.objects.filter(pk=provider.pk).update(is_default=True, updated_at=now)
    note(provider, "made default", now=now, by=by)
    wake("send")


def pause_provider(
    *, provider: Provider, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Hold the queue of a provider; nothing of it is lost."""
    Provider.objects.filter(pk=provider.pk, paused_at=None).update(paused_at=now, updated_at=now)
    note(provider, "paused", now=now, by=by)


def resume_provider(
    *, provider: Provider, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Send on, at once: what was wrong is forgotten."""
    forget_troubles(provider)
    provider.paused_at = None
    provider.updated_at = now
    provider.save()
    note(provider, "resumed", now=now, by=by)
    wake("send")


def note(
    provider: Provider, verb: str, *, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Keep in the audit who changed what carries a channel."""
    record(
        verb=verb,
        noun="provider",
        object_id=provider.pk,
        now=now,
        by=by,
        detail={"channel": provider.channel, "kind": provider.kind},
    )


def carrier_of(channel: str) -> Carrier | None:
    """Return what carries a channel of the current account; None while it is paused."""
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    if provider is None:
        return carriers()["sandbox"]({})
    return None if provider.paused_at is not None else carrier_for(provider)


def carrier_for(provider: Provider) -> Carrier:
    """
    Return the carrier of a row, with its secrets.

    :raises ProviderError: if those cannot be read.
    """
    carrier = carriers()[provider.kind](provider.settings, stored_secrets(provider))
    carrier.callback = callback_of(provider)
    return carrier


def callback_of(provider: Provider) -> str:
    """Return the address that a provider calls back, which is a secret of its own."""
    key = f"{provider.account_id}-{provider.pk}-{provider.hook_key}"
    return f"{site.PUBLIC_URL}/hooks/{provider.kind}/{key}/"


def note_error(provider: Provider, error: str, *, now: datetime) -> None:
    """Keep what is wrong with a provider for its page."""
    provider.last_error = traceless(error)[:500]
    provider.last_error_at = now


def is_sandboxed(channel: Channel) -> bool:
    """Say whether messages of a channel stay in the house."""
    provider = Provider.objects.filter(channel=channel, is_default=True).first()
    return provider is None or provider.kind == "sandbox"
