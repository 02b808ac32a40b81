"""Who calls: the bearer token, its integration, and from where."""

import base64
import fnmatch
import ipaddress
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest

from accounts.actions import hash_secret
from accounts.models import ApiClient, ApiToken
from accounts.tenancy import lookups, sql
from accounts.wire.errors import UnauthorizedError

MINUTE = timedelta(minutes=1)
BEARER, BASIC = "bearer", "basic"


def bearer_token(request: HttpRequest) -> str:
    """Return the token of the Authorization header, "" without one."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def write_key(request: HttpRequest) -> str:
    """Return the user name of the Authorization header, "" without one; a password says nothing."""
    scheme, _, encoded = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != BASIC:
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def hash_write_key(key: str) -> str:
    """Return a write key's hash; it is no bearer token's, since no header holds a line break."""
    return hash_secret(f"{BASIC}\n{key}")


def account_and_token(request: HttpRequest, *, scheme: str = BEARER) -> tuple[int, int]:
    """
    Return the account and the row of the bearer token, or of the write key.

    :raises UnauthorizedError: without one that we issued.
    """
    if scheme == BASIC:
        key = write_key(request)
        hashed = hash_write_key(key) if key else ""
    else:
        token = bearer_token(request)
        hashed = hash_secret(token) if token else ""
    known = lookups.api_token(hashed) if hashed else None
    if known is None:
        raise UnauthorizedError
    return known


def client_of_token(token_id: int, *, now: datetime) -> ApiClient:
    """
    Return the integration of a token of the current account.

    :raises UnauthorizedError: if the token has expired or the integration is paused.
    """
    token = (
        ApiToken.objects.select_related("client", "client__account")
        .filter(pk=token_id, expires_at__gt=now)
        .first()
    )
    if token is None or not token.client.is_active:
        raise UnauthorizedError
    client: ApiClient = token.client
    return client


def check_access(
    client: ApiClient, *, integration: str | None, levels: Collection[str], address: str
) -> None:
    """
    Let pass an integration of the right type, with all the levels, from an allowed address.

    :raises UnauthorizedError: for any other.
    """
    has_type = integration is None or integration in client.types
    if not (has_type and set(levels) <= set(client.levels)):
        raise UnauthorizedError
    if not is_allowed(address, client.ip_allow):
        raise UnauthorizedError


def is_allowed(address: str, allowed: Sequence[str]) -> bool:
    """Tell whether an address is on a list; an empty list lets everybody in."""
    return not allowed or any(matches(address, entry) for entry in allowed)


def matches(address: str, entry: str) -> bool:
    """Match an address with 10.1.2.3, 10.1.*.*, 10.1.2.3-10.1.2.9 or 10.1.0.0/16."""
    entry = entry.strip()
    if "*" in entry:
        return fnmatch.fnmatchcase(address, entry)
    try:
        caller = ipaddress.ip_address(address)
        if "-" not in entry:
            return caller in ipaddress.ip_network(entry, strict=False)
        first, last = (ipaddress.ip_address(end.strip()) for end in entry.split("-", 1))
        if not caller.version == first.version == last.version:
            return False
        return int(first) <= int(caller) <= int(last)
    except ValueError:
        return False


def address_of(request: HttpRequest) -> str:
    """Return the caller's address; behind n own proxies, the n-th forwarded one from the right."""
    proxies = int(getattr(settings, "PROXIES", 0))
    if proxies:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(hops) >= proxies and hops[-proxies]:
            return hops[-proxies]
    return str(request.META.get("REMOTE_ADDR") or "")


def is_use_to_note(client: ApiClient, *, now: datetime) -> bool:
    """Tell whether it was not noted within the last minute that an integration called."""
    return client.last_used_at is None or client.last_used_at <= now - MINUTE


def note_use(client: ApiClient, *, now: datetime) -> None:
    """Keep when an integration last called, to the minute; never wait for another call."""
    if not is_use_to_note(client, now=now):
        return
    sql.execute(
        """
        UPDATE accounts_apiclient
        SET last_used_at = %(now)s
        WHERE id IN (
            SELECT client.id
            FROM accounts_apiclient AS client
            WHERE client.id = %(id)s
            FOR NO KEY UPDATE SKIP LOCKED
        )
        """,
        id=client.pk,
        now=now,
    )
