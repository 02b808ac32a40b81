"""What a provider wants to know and nobody may see: encrypted at rest, never shown again."""

import json
from collections.abc import Mapping

from accounts.secrets import UnreadableSecretError, seal, unseal
from messaging.models import Provider
from messaging.providers import ProviderError


def stored_secrets(provider: Provider, *, strict: bool = True) -> dict[str, str]:
    """
    Return the secrets of a provider.

    :raises ProviderError: if they were encrypted with another key, unless `strict` is False.
    """
    try:
        stored = unseal(provider.secret) if provider.secret else ""
    except UnreadableSecretError as other_key:
        if not strict:
            return {}
        raise ProviderError(
            "The stored password cannot be read with this installation's key: set it again."
        ) from other_key
    if not stored.startswith("{"):
        return {"password": stored} if stored else {}
    secrets: dict[str, str] = json.loads(stored)
    return secrets


def encrypt_all(secrets: Mapping[str, str]) -> str:
    """Return secrets as they are stored; none are ""."""
    return seal(json.dumps(dict(secrets))) if secrets else ""
