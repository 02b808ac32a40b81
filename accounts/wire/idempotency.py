"""
`Idempotency-Key`: the same call sent again is answered, not done again.

A key is the integration's own for 24 hours. It is written in the call's transaction, so a
second call that comes while the first is under way waits for it; what was refused keeps
nothing and may be tried again. The header's draft: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import re
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse

from accounts.models import ApiClient
from accounts.tenancy import in_account, lookups, sql
from accounts.wire.bodies import receive
from accounts.wire.errors import IdempotencyKeyReusedError, InvalidParameterError
from accounts.wire.rendering import CONTENT_TYPE

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY = re.compile(r"[!-~]{1,255}")

RESERVE = """
    INSERT INTO accounts_keptanswer AS kept (client_id, key, fingerprint, status, body, kept_at)
    VALUES (%(client_id)s, %(key)s, %(fingerprint)s, 0, '', %(now)s)
    ON CONFLICT (account_id, client_id, key) DO UPDATE
    SET
        fingerprint = excluded.fingerprint, status = 0, body = '', kept_at = excluded.kept_at
    WHERE kept.kept_at <= %(expired)s
    RETURNING kept.id
"""
FIND = """
    SELECT kept.fingerprint, kept.status, kept.body
    FROM accounts_keptanswer AS kept
    WHERE kept.client_id = %(client_id)s AND kept.key = %(key)s
"""
KEEP = """
    UPDATE accounts_keptanswer
    SET status = %(status)s, body = %(body)s
    WHERE client_id = %(client_id)s AND key = %(key)s
"""
FORGET = "DELETE FROM accounts_keptanswer WHERE kept_at <= %(expired)s"


def key_of(request: HttpRequest) -> str:
    """
    Return the key of a call that writes, "" without one.

    :raises InvalidParameterError: naming the header, for one that is no visible ASCII of at
        most 255 characters.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method not in WRITES:
        return ""
    if not KEY.fullmatch(key.strip()):
        raise InvalidParameterError(HEADER)
    return key.strip()


def answered_before(
    request: HttpRequest, *, key: str, client: ApiClient, now: datetime
) -> HttpResponse | None:
    """
    Return what the key's first call was answered, or None for the first call.

    In the call's transaction; the first call then hands its answer to `keep`.

    :raises IdempotencyKeyReusedError: if that call was another one.
    """
    fingerprint = _fingerprint(request)
    named = {"client_id": client.pk, "key": key}
    reserved = sql.fetch_one(
        RESERVE, **named, fingerprint=fingerprint, now=now, expired=now - KEPT_FOR
    )
    if reserved is not None:
        return None
    kept = sql.fetch_one(FIND, **named)
    if kept is None or kept[0] != fingerprint:
        raise IdempotencyKeyReusedError
    response = HttpResponse(kept[2], status=kept[1], content_type=CONTENT_TYPE)
    response["Idempotency-Replayed"] = "true"
    return response


def keep(response: HttpResponse, *, key: str, client: ApiClient) -> None:
    """Keep the answer of the key's first call."""
    sql.execute(
        KEEP,
        client_id=client.pk,
        key=key,
        status=response.status_code,
        body=response.content.decode(),
    )


def forget_answers(now: datetime) -> None:
    """Remove, in every account, the answers whose day is over."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            sql.execute(FORGET, expired=now - KEPT_FOR)


def _fingerprint(request: HttpRequest) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for block in receive(request).blocks():
        digest.update(block)
    return digest.hexdigest()
