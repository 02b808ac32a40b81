"""
`Idempotency-Key`: the same call sent again is answered, not done again.

A key is the integration's own for 24 hours. It is written in the call's transaction, so a
second call that comes while the first is under way waits for it; what was refused keeps
nothing and may be tried again. The header's draft: draft-ietf-httpapi-idempotency-key-header.

An answer that says more than a number (a secret, an address) is kept encrypted, and goes when
somebody is forgotten: whoever sends that call again then hears that it was done, not what of.
"""

import hashlib
import re
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse

from accounts.models import ApiClient
from accounts.secrets import UnreadableSecretError, seal, unseal
from accounts.tenancy import in_account, lookups, sql
from accounts.wire.bodies import receive
from accounts.wire.errors import (
    AnswerForgottenError,
    IdempotencyKeyReusedError,
    InvalidParameterError,
)
from accounts.wire.rendering import CONTENT_TYPE

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY = re.compile(r"[!-~]{1,255}")
# As `rendering.as_json` writes it. Longer numbers may be somebody's telephone number.
PLAIN = re.compile(r'\{"status":\d{3}(?:,"resourceId":(?:null|"\d{0,7}"))?\}')

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
# Those that are locked are about to be written anew.
FORGET_SEALED = """
    UPDATE accounts_keptanswer
    SET status = 0, body = ''
    WHERE id IN (
        SELECT kept.id
        FROM accounts_keptanswer AS kept
        WHERE kept.body <> '' AND kept.body NOT LIKE '{%%'
        FOR NO KEY UPDATE SKIP LOCKED
    )
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
    :raises AnswerForgottenError: if it was this one, and its answer is kept no longer.
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
    status, body = kept[1:]
    if not status:
        raise AnswerForgottenError
    response = HttpResponse(_opened(body), status=status, content_type=CONTENT_TYPE)
    response["Idempotency-Replayed"] = "true"
    return response


def keep(response: HttpResponse, *, key: str, client: ApiClient) -> None:
    """Keep the answer of the key's first call."""
    body = response.content.decode()
    is_plain = not body or PLAIN.fullmatch(body)
    sql.execute(
        KEEP,
        client_id=client.pk,
        key=key,
        status=response.status_code,
        body=body if is_plain else seal(body),
    )


def _opened(body: str) -> str:
    if not body or body.startswith("{"):
        return body
    try:
        return unseal(body)
    except UnreadableSecretError as other_key:
        raise AnswerForgottenError from other_key


def forget_sealed_answers() -> None:
    """Remove, in the current account, what was answered beyond numbers; inside a transaction."""
    sql.execute(FORGET_SEALED)


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
