"""What is done to accounts, members, lists and integrations."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import slugify

from accounts.mailboxes import MailboxError, checked_mailbox
from accounts.models import (
    AccessLevel,
    Account,
    ApiClient,
    ApiToken,
    AuditEntry,
    IntegrationType,
    List,
    Membership,
    Role,
    User,
)
from accounts.tenancy import in_account, lookups, sql

TOKEN_LIFETIME = timedelta(seconds=3599)


class InvalidValueError(ValueError):
    """A value that cannot be taken; `field` names it in the caller's words."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class FaultyContentError(InvalidValueError):
    """A file or a template with a fault inside; the message says where, so it is always shown."""


@dataclass(frozen=True)
class NewAccount:
    """A fresh account with its owner; `password` is "" where the user existed before."""

    account: Account
    owner: User
    password: str


def create_account(
    *,
    name: str,
    owner_email: str,
    now: datetime,
    time_zone: str = "America/New_York",
    postal_address: str = "",
    password: str | None = None,
    is_benchmark: bool = False,
) -> NewAccount:
    """
    Create an account and make `owner_email` its owner; the user is created if need be.

    Without a postal address it publishes no emails but transactional ones.

    :raises InvalidValueError: for an empty name, an unknown zone, a bad address.
    """
    name = name.strip()
    if not name or len(name) > 120:
        raise InvalidValueError("name", "The account needs a name of 1 to 120 characters.")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise InvalidValueError(
            "time_zone", f"{time_zone!r} is not an IANA time zone such as America/New_York."
        ) from unknown
    owner_email = owner_email.strip().lower()
    try:
        validate_email(owner_email)
    except ValidationError as invalid:
        raise InvalidValueError("owner", f"{owner_email!r} is no email address.") from invalid
    account_id = int(
        sql.fetch_value("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))")
    )
    with in_account(account_id):
        account = Account.objects.create(
            id=account_id,
            name=name,
            slug=free_slug(name),
            time_zone=time_zone,
            postal_address=postal_address.strip(),
            is_benchmark=is_benchmark,
            created_at=now,
        )
        user = User.objects.filter(email=owner_email).first()
        secret = ""
        if user is None:
            secret = password or secrets.token_urlsafe(12)
            user = User.objects.create_user(owner_email, secret)
        add_member(user=user, role=Role.OWNER, now=now)
        record(verb="created", noun="account", object_id=account.pk, now=now, by=user)
    return NewAccount(account=account, owner=user, password=secret)


def free_slug(name: str) -> str:
    """Return an address for an account that no other account has."""
    base = slugify(name)[:50] or "account"
    slug, number = base, 1
    while lookups.account_by_slug(slug) is not None:
        number += 1
        slug = f"{base}-{number}"
    return slug


def add_member(*, user: User, role: Role, now: datetime) -> Membership:
    """Give a user a role in the current account; again changes the role."""
    membership, _ = Membership.objects.update_or_create(
        user=user, defaults={"role": role}, create_defaults={"role": role, "created_at": now}
    )
    return membership


def record(
    *,
    verb: str,
    noun: str,
    now: datetime,
    object_id: int | None = None,
    by: User | ApiClient | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write an audit entry in the current transaction; `detail` holds no personal data."""
    record_many(verb=verb, noun=noun, now=now, objects=[(object_id, detail or {})], by=by)


def record_many(
    *,
    verb: str,
    noun: str,
    now: datetime,
    objects: Iterable[tuple[int | None, dict[str, Any]]],
    by: User | ApiClient | None = None,
) -> None:
    """Write an audit entry for each of many objects, (id, detail), as `record` does: one INSERT."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            at=now,
            verb=verb,
            noun=noun,
            object_id=object_id,
            by_user=by if isinstance(by, User) else None,
            by_client=by if isinstance(by, ApiClient) else None,
            detail=detail,
        )
        for object_id, detail in objects
    )


def create_list(
    *, name: str, now: datetime, by: User | ApiClient | None = None, **settings: Any
) -> List:
    """
    Create a list; `settings` are fields of `List`.

    :raises InvalidValueError: for an empty name, or one that another list has; for an address
        that no mail should come from.
    """
    name = name.strip()
    if not name or len(name) > 120:
        raise InvalidValueError("name", "The list needs a name of 1 to 120 characters.")
    if List.objects.filter(name=name).exists():
        raise InvalidValueError("name", f"There is a list named {name} already.")
    made = List.objects.create(name=name, created_at=now, **fit_senders(settings))
    record(verb="created", noun="list", object_id=made.pk, now=now, by=by)
    return made


def update_account(
    *,
    account: Account,
    postal_address: str,
    now: datetime,
    by: User | None = None,
    click_days: int | None = None,
    open_days: int | None = None,
) -> Account:
    """
    Change what is the account's own: where its owner can be written to, when orders count.

    `click_days` and `open_days`: for how long after a click or an open an order is ascribed to
    the message, 0 is never; None leaves them.

    :raises InvalidValueError: for an address beyond 500 characters, for too many days.
    """
    lines = [" ".join(line.split()) for line in postal_address.splitlines()]
    address = "\n".join(line for line in lines if line)
    if len(address) > MOST_ADDRESS:
        raise InvalidValueError(
            "postal_address", f"A postal address has at most {MOST_ADDRESS} characters."
        )
    days = {"click_days": click_days, "open_days": open_days}
    for name, number in days.items():
        if number is not None and not 0 <= number <= MOST_DAYS:
            raise InvalidValueError(name, f"Days are 0 to {MOST_DAYS}.")
        if number is not None:
            setattr(account, name, number)
    account.postal_address = address
    account.save(update_fields=["postal_address", *days])
    record(verb="updated", noun="account", object_id=account.pk, now=now, by=by)
    return account


MOST_ADDRESS = 500
# For longer nobody would believe that it was the message.
MOST_DAYS = 90


def update_list(
    *, changed: List, now: datetime, by: User | ApiClient | None = None, **settings: Any
) -> List:
    """
    Change a list's name or settings.

    :raises InvalidValueError: as `create_list`.
    """
    name = str(settings.get("name", changed.name)).strip()
    if not name or len(name) > 120:
        raise InvalidValueError("name", "The list needs a name of 1 to 120 characters.")
    if List.objects.filter(name=name).exclude(pk=changed.pk).exists():
        raise InvalidValueError("name", f"There is a list named {name} already.")
    for field, value in {**fit_senders(settings), "name": name}.items():
        setattr(changed, field, value)
    changed.save()
    record(verb="updated", noun="list", object_id=changed.pk, now=now, by=by)
    return changed


def fit_senders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a list's settings, its addresses as headers take them.

    :raises InvalidValueError: for what is no address, too long, or mixes scripts.
    """
    fit = dict(settings)
    for name in SENDERS & fit.keys():
        try:
            fit[name] = checked_mailbox(fit[name].strip()) if fit[name].strip() else ""
        except MailboxError as unfit:
            raise InvalidValueError(name, str(unfit)) from unfit
    return fit


SENDERS = {"from_email", "reply_to"}


@dataclass(frozen=True)
class NewIntegration:
    """An integration and its secret, which is shown once and kept as a hash."""

    client: ApiClient
    secret: str


def create_integration(
    *,
    name: str,
    types: Sequence[str],
    now: datetime,
    levels: Sequence[str] | None = None,
    ip_allow: Sequence[str] = (),
    by: User | None = None,
) -> NewIntegration:
    """
    Create an integration; without `levels` it has all of them.

    :raises InvalidValueError: for an unknown type or level, or none.
    """
    known_types, known_levels = set(IntegrationType.values), set(AccessLevel.values)
    if not types or not set(types) <= known_types:
        raise InvalidValueError(
            "type",
            f"An integration has one or more of the types {', '.join(IntegrationType.values)}.",
        )
    chosen = list(AccessLevel.values if levels is None else levels)
    if not set(chosen) <= known_levels:
        raise InvalidValueError("level", f"The levels are {', '.join(AccessLevel.values)}.")
    secret = secrets.token_urlsafe(32)
    client = ApiClient.objects.create(
        name=name.strip() or "Integration",
        client_id=secrets.token_hex(10),
        secret_hash=hash_secret(secret),
        types=sorted(set(types)),
        levels=chosen,
        ip_allow=list(ip_allow),
        created_at=now,
    )
    record(verb="created", noun="integration", object_id=client.pk, now=now, by=by)
    return NewIntegration(client=client, secret=secret)


def update_integration(
    *,
    client: ApiClient,
    name: str,
    types: Sequence[str],
    levels: Sequence[str],
    ip_allow: Sequence[str],
    now: datetime,
    by: User | None = None,
) -> ApiClient:
    """
    Change what an integration is called and may do; its secret and tokens stay.

    :raises InvalidValueError: for an unknown type or level, or none.
    """
    if not types or not set(types) <= set(IntegrationType.values):
        raise InvalidValueError(
            "type", f"The types are {', '.join(IntegrationType.values)}: one at least."
        )
    if not levels or not set(levels) <= set(AccessLevel.values):
        raise InvalidValueError(
            "level", f"The levels are {', '.join(AccessLevel.values)}: one at least."
        )
    client.name = name.strip() or client.name
    client.types, client.levels = sorted(set(types)), list(levels)
    client.ip_allow = list(ip_allow)
    client.save(update_fields=["name", "types", "levels", "ip_allow"])
    record(verb="updated", noun="integration", object_id=client.pk, now=now, by=by)
    return client


def rotate_secret(*, client: ApiClient, now: datetime, by: User | None = None) -> NewIntegration:
    """Give an integration a new secret; the old one and its tokens end at once."""
    secret = secrets.token_urlsafe(32)
    client.secret_hash = hash_secret(secret)
    client.save(update_fields=["secret_hash"])
    ApiToken.objects.filter(client=client).delete()
    record(verb="rotated", noun="integration", object_id=client.pk, now=now, by=by)
    return NewIntegration(client=client, secret=secret)


def pause_integration(*, client: ApiClient, now: datetime, by: User | None = None) -> None:
    """Refuse the integration's requests, tokens included; the first pause's date stands."""
    if client.paused_at is None:
        client.paused_at = now
        client.save(update_fields=["paused_at"])
        record(verb="paused", noun="integration", object_id=client.pk, now=now, by=by)


def resume_integration(*, client: ApiClient, now: datetime, by: User | None = None) -> None:
    """Take the integration's requests again."""
    if client.paused_at is not None:
        client.paused_at = None
        client.save(update_fields=["paused_at"])
        record(verb="resumed", noun="integration", object_id=client.pk, now=now, by=by)


def issue_token(*, client: ApiClient, now: datetime) -> str:
    """Return a bearer token of 430 characters, good for 3599 seconds; its hash is kept."""
    token = secrets.token_urlsafe(322)[:430]
    ApiToken.objects.filter(client=client, expires_at__lt=now).delete()
    ApiToken.objects.create(
        client=client, token_hash=hash_secret(token), issued_at=now, expires_at=now + TOKEN_LIFETIME
    )
    return token


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a random secret; its 256 bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
