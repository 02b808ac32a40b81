"""
Secrets of an account: kept encrypted, given to the calls that name them, never shown again.

Names are written in templates (`{{ secrets.NAME }}`), so they are identifiers. A value is
read nowhere but where a call is made; it stands in no log, no export and no audit entry.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, Secret, User

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
MOST_LETTERS = 4000
MOST_SECRETS = 200
# A hint of a short secret would give too much of it away.
HINTED_FROM, HINT_LETTERS = 12, 4


class UnreadableSecretError(ValueError):
    """A secret that was sealed with another key than this installation's."""


def create_secret(
    *, name: str, value: str, now: datetime, by: User | ApiClient | None = None
) -> Secret:
    """
    Keep a new secret of the current account.

    :raises InvalidValueError: `name` for a bad or taken name, `value` for a bad value.
    """
    name = name.strip()
    if NAME.fullmatch(name) is None:
        raise InvalidValueError(
            "name", "A name has 1 to 60 letters, digits and underscores, no digit first."
        )
    _check(value)
    if Secret.objects.filter(name=name).exists():
        raise InvalidValueError("name", f"There is a secret named {name} already.")
    if Secret.objects.count() >= MOST_SECRETS:
        raise InvalidValueError("name", f"An account has {MOST_SECRETS} secrets at most.")
    try:
        # A savepoint: somebody else may take the name at this moment.
        with transaction.atomic():
            made = Secret.objects.create(
                name=name, sealed=_seal(value), hint=_hint(value), created_at=now, updated_at=now
            )
    except IntegrityError as taken:
        raise InvalidValueError("name", f"There is a secret named {name} already.") from taken
    _record("created", made, now, by)
    return made


def replace_secret(
    *, secret: Secret, value: str, now: datetime, by: User | ApiClient | None = None
) -> Secret:
    """
    Give a secret another value; calls made from now on use it.

    :raises InvalidValueError: `value` for a bad value.
    """
    _check(value)
    secret.sealed, secret.hint, secret.updated_at = _seal(value), _hint(value), now
    secret.save(update_fields=["sealed", "hint", "updated_at"])
    _record("updated", secret, now, by)
    return secret


def delete_secret(*, secret: Secret, now: datetime, by: User | ApiClient | None = None) -> None:
    """Forget a secret; a step that names it holds its contacts with the reason."""
    _record("deleted", secret, now, by)
    secret.delete()


def reveal(names: Iterable[str]) -> dict[str, str]:
    """
    Return the values of secrets of the current account by name, for a call to be made.

    A name that no secret has is left out.

    :raises UnreadableSecretError: if one was sealed with another key.
    """
    wanted = set(names)
    if not wanted:
        return {}
    kept = Secret.objects.filter(name__in=wanted)
    try:
        return {one.name: _cipher().decrypt(one.sealed.encode()).decode() for one in kept}
    except InvalidToken as other_key:
        raise UnreadableSecretError(
            "A secret cannot be read with this installation's key: replace it."
        ) from other_key


def seal(value: str) -> str:
    """Encrypt what another table keeps: the secret of an endpoint, a key of another system."""
    return _seal(value)


def unseal(sealed: str) -> str:
    """
    Return what was sealed, for a call to be made.

    :raises UnreadableSecretError: if it was sealed with another key.
    """
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken as other_key:
        raise UnreadableSecretError(
            "A secret cannot be read with this installation's key: replace it."
        ) from other_key


def _check(value: str) -> None:
    if not value or len(value) > MOST_LETTERS:
        raise InvalidValueError("value", f"A secret has 1 to {MOST_LETTERS:,} characters.")
    if any(ord(letter) < ord(" ") and letter not in "\t\n\r" for letter in value):
        raise InvalidValueError("value", "A secret holds no control characters.")


def _hint(value: str) -> str:
    return value[-HINT_LETTERS:] if len(value) >= HINTED_FROM else ""


def _record(verb: str, secret: Secret, now: datetime, by: User | ApiClient | None) -> None:
    record(
        verb=verb, noun="secret", object_id=secret.pk, now=now, by=by, detail={"name": secret.name}
    )


def _seal(value: str) -> str:
    return _cipher().encrypt(value.encode()).decode()


def _cipher() -> Fernet:
    return Fernet(settings.ENCRYPTION_KEY)
