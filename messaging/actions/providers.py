"""Who carries an account's messages; secrets are encrypted at rest."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings as site

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from messaging.models import Provider
from messaging.models.message import Channel
from messaging.providers import Carrier, ProviderError, carriers


def set_provider(
    *,
    channel: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    secret: str | None = None,
    by: User | ApiClient | None = None,
) -> Provider:
    """
    Have a channel of the current account carried by a provider, from the next batch on.

    `secret` None keeps the one that is stored, if the provider's kind stays the same.

    :raises InvalidValueError: for an unknown kind or channel, settings it cannot work with.
    """
    carrier = carriers().get(kind)
    if carrier is None:
        raise InvalidValueError("kind", f"There is no provider named {kind}.")
    if channel not in carrier.channels:
        raise InvalidValueError("kind", f"{carrier.label} does not carry {channel}.")
    clean = carrier.clean(settings)
    provider = Provider.objects.select_for_update().filter(channel=channel).first()
    stays = provider is not None and provider.kind == kind
    provider = provider or Provider(channel=channel)
    if secret is not None or not stays:
        provider.secret = encrypt(secret or "")
    provider.kind = kind
    provider.settings = clean
    provider.last_error = ""
    provider.updated_at = now
    provider.save()
    record(
        verb="updated",
        noun="provider",
        object_id=provider.pk,
        now=now,
        by=by,
        detail={"channel": channel, "kind": kind},
    )
    return provider


def carrier_of(channel: str) -> Carrier | None:
    """Return what carries a channel of the current account; None while it is paused."""
    provider = Provider.objects.filter(channel=channel).first()
    if provider is None:
        return carriers()["sandbox"]({})
    if provider.paused_at is not None:
        return None
    return carriers()[provider.kind](provider.settings, decrypt(provider.secret))


def note_provider_error(*, channel: str, error: str) -> None:
    """Keep what is wrong with a provider for its page; "" forgets it."""
    Provider.objects.filter(channel=channel).exclude(last_error=error).update(last_error=error)


def is_sandboxed(channel: Channel) -> bool:
    """Say whether messages of a channel stay in the house."""
    provider = Provider.objects.filter(channel=channel).first()
    return provider is None or provider.kind == "sandbox"


def encrypt(secret: str) -> str:
    """Return a secret as it is stored; "" stays ""."""
    return fernet().encrypt(secret.encode()).decode() if secret else ""


def decrypt(stored: str) -> str:
    """
    Return a stored secret.

    :raises ProviderError: if it was encrypted with another key.
    """
    if not stored:
        return ""
    try:
        return fernet().decrypt(stored.encode()).decode()
    except InvalidToken as other_key:
        raise ProviderError(
            "The stored password cannot be read with this installation's key: set it again."
        ) from other_key


def fernet() -> Fernet:
    """Return the cipher of this installation's key."""
    return Fernet(site.ENCRYPTION_KEY)
