"""Endpoints: create, change, pause, delete, a new secret, a replay."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings as site
from psycopg.types.json import Jsonb

from accounts import outgoing
from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.secrets import seal
from accounts.tenancy import sql
from conductor.webhooks.delivering import RETRIED
from conductor.webhooks.models import Call, CallState, Endpoint, Format, Kind, Pending
from conductor.webhooks.reading import keep_reading

MOST_ENDPOINTS = 20
LARGEST_BATCH = 500
LONGEST_NAME = 120
LONGEST_URL = 2000

# Behind a cursor is what has a later one, and what arrived after it: of calls made at the same time
# one may come late, and an event that was committed late has an earlier cursor than its neighbours.
REPLAY = """
    WITH heard AS MATERIALIZED (
        SELECT min(call.ended_at) AS ended_at
        FROM webhooks_call AS call
        WHERE call.endpoint_id = %(endpoint_id)s
            AND call.state = 'done'
            AND call.happenings @> to_jsonb(%(after)s::bigint)
    ), late AS MATERIALIZED (
        SELECT DISTINCT told.id::bigint AS id
        FROM heard
        INNER JOIN webhooks_call AS call
            ON call.ended_at >= heard.ended_at
            AND NOT call.happenings @> to_jsonb(%(after)s::bigint)
        CROSS JOIN LATERAL jsonb_array_elements_text(call.happenings) AS told (id)
        WHERE call.endpoint_id = %(endpoint_id)s
    )
    INSERT INTO webhooks_pending (endpoint_id, happening_id)
    SELECT %(endpoint_id)s, happening.id
    FROM webhooks_happening AS happening
    WHERE (happening.id > %(after)s OR happening.id IN (SELECT late.id FROM late))
        -- Whom Segment was told of is no news to others.
        AND NOT jsonb_exists(happening.detail, 'backfill')
        AND webhooks_hears(
            %(kinds)s::jsonb, %(lists)s::jsonb, happening.kind::text, happening.list_id
        )
    ORDER BY happening.id
    ON CONFLICT DO NOTHING
"""

By = User | ApiClient | None


@dataclass(frozen=True)
class NewEndpoint:
    """An endpoint and its secret, which is shown this once."""

    endpoint: Endpoint
    secret: str


def create_endpoint(
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    now: datetime,
    by: By = None,
    lists: Sequence[int] = (),
    format: str = Format.CONDUCTOR.value,
    batch_size: int = 100,
) -> NewEndpoint:
    """
    Make an endpoint; it hears of what happens from now on.

    :raises InvalidValueError: `name`, `url`, `kinds`, `lists`, `format` or `batch_size` for
        what it cannot be; `name` beyond `MOST_ENDPOINTS`.
    """
    if Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise InvalidValueError("name", f"An account has {MOST_ENDPOINTS} webhooks at most.")
    secret = new_secret()
    made = Endpoint.objects.create(
        **checked(
            name=name, url=url, kinds=kinds, lists=lists, format=format, batch_size=batch_size
        ),
        sealed_secret=seal(secret),
        created_at=now,
        updated_at=now,
    )
    keep_reading()
    _record("created", made, now, by)
    return NewEndpoint(made, secret)


def update_endpoint(
    *, endpoint: Endpoint, now: datetime, by: By = None, **settings: Any
) -> Endpoint:
    """
    Change any of name, url, kinds, lists, format and batch_size; the rest stays.

    :raises InvalidValueError: as when it is created.
    """
    kept = {name: getattr(endpoint, name) for name in SETTINGS}
    for name, value in checked(**{**kept, **settings}).items():
        setattr(endpoint, name, value)
    endpoint.updated_at = now
    endpoint.save(update_fields=[*SETTINGS, "updated_at"])
    keep_reading()
    _record("updated", endpoint, now, by)
    return endpoint


SETTINGS = ("name", "url", "kinds", "lists", "format", "batch_size")


def checked(
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    lists: Sequence[int],
    format: str,
    batch_size: int,
) -> dict[str, Any]:
    """
    Return the settings of an endpoint as they are kept.

    :raises InvalidValueError: for what it cannot be.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidValueError("name", f"A name has 1 to {LONGEST_NAME} characters.")
    if format not in Format.values:
        raise InvalidValueError("format", f"A format is one of {', '.join(Format.values)}.")
    if not 1 <= batch_size <= LARGEST_BATCH:
        raise InvalidValueError("batch_size", f"A batch holds 1 to {LARGEST_BATCH} events.")
    return {
        "name": name,
        "url": checked_url(url),
        "kinds": checked_kinds(kinds),
        "lists": checked_lists(lists),
        "format": format,
        "batch_size": batch_size,
    }


def checked_url(url: str) -> str:
    """
    Return an address that may be called; its name is looked up again at each call.

    :raises InvalidValueError: `url` for none, or one that is plainly not on the public internet.
    """
    url = url.strip()
    if len(url) > LONGEST_URL:
        raise InvalidValueError("url", f"An address has {LONGEST_URL:,} characters at most.")
    try:
        target = outgoing.read_url(url)
        is_allowed = outgoing.is_allowed(target, site.OUTGOING_ALLOW)
        if not is_allowed and (is_inner_name(target.host) or is_inner_address(target.host)):
            raise outgoing.RefusedAddressError("the address is not on the public internet")
    except outgoing.RefusedAddressError as refused:
        text = str(refused)
        raise InvalidValueError("url", f"{text[:1].upper()}{text[1:]}.") from refused
    return url


def is_inner_name(host: str) -> bool:
    """Say whether a name is of one's own machine or network by itself, without asking for it."""
    return host == "localhost" or host.endswith((".localhost", ".internal", ".local"))


def is_inner_address(host: str) -> bool:
    """Say whether a host is written as an address that is not public."""
    is_number = ":" in host or host.replace(".", "").isdigit()
    return is_number and not outgoing.is_public(host)


def checked_kinds(kinds: Sequence[str]) -> list[str]:
    """
    Return kinds in their order, each once.

    :raises InvalidValueError: `kinds` for none, or an unknown one.
    """
    unknown = [kind for kind in kinds if kind not in Kind.values]
    if unknown or not kinds:
        raise InvalidValueError("kinds", f"Choose from {', '.join(Kind.values)}.")
    return [kind for kind in Kind.values if kind in kinds]


def checked_lists(lists: Sequence[int]) -> list[int]:
    """
    Return ids of lists of the account.

    :raises InvalidValueError: `lists` for one that is not there.
    """
    wanted = sorted(set(lists))
    if List.objects.filter(pk__in=wanted).count() != len(wanted):
        raise InvalidValueError("lists", "The account has no such list.")
    return wanted


def rotate_secret(*, endpoint: Endpoint, now: datetime, by: By = None) -> NewEndpoint:
    """Give an endpoint another secret; calls made from now on are signed with it."""
    secret = new_secret()
    endpoint.sealed_secret, endpoint.updated_at = seal(secret), now
    endpoint.save(update_fields=["sealed_secret", "updated_at"])
    _record("rotated secret of", endpoint, now, by)
    return NewEndpoint(endpoint, secret)


def pause_endpoint(*, endpoint: Endpoint, now: datetime, by: By = None) -> None:
    """Tell it nothing until it is resumed; what happens meanwhile is kept for it."""
    if endpoint.is_paused:
        return
    endpoint.is_paused, endpoint.updated_at = True, now
    endpoint.save(update_fields=["is_paused", "updated_at"])
    _record("paused", endpoint, now, by)


def resume_endpoint(*, endpoint: Endpoint, now: datetime, by: By = None) -> None:
    """Tell it what it missed, and what happens; calls that wait have 24 hours again."""
    if not endpoint.is_paused:
        return
    endpoint.is_paused, endpoint.updated_at = False, now
    endpoint.save(update_fields=["is_paused", "updated_at"])
    open_calls = Call.objects.filter(
        endpoint=endpoint, state__in=[CallState.QUEUED, CallState.CALLING]
    )
    open_calls.update(retry_until=now + RETRIED)
    open_calls.filter(state=CallState.QUEUED).update(next_at=now)
    _record("resumed", endpoint, now, by)


def delete_endpoint(*, endpoint: Endpoint, now: datetime, by: By = None) -> None:
    """Forget an endpoint with its log and what it was still to be told."""
    _record("deleted", endpoint, now, by)
    Pending.objects.filter(endpoint_id=endpoint.pk).delete()
    endpoint.delete()
    keep_reading()


def replay(*, endpoint: Endpoint, after: int, now: datetime, by: By = None) -> int:
    """
    Tell an endpoint again what happened behind a cursor, 0 for all that is kept.

    Events have the ids that they had. Returns how many there are; what waits to be told in
    any case counts for nothing.
    """
    count = sql.execute(
        REPLAY,
        endpoint_id=endpoint.pk,
        after=after,
        kinds=Jsonb(endpoint.kinds),
        lists=Jsonb(endpoint.lists),
    )
    _record("replayed", endpoint, now, by, after=after, events=count)
    return count


def new_secret() -> str:
    """Return a new signing secret."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def _record(verb: str, endpoint: Endpoint, now: datetime, by: By, **detail: Any) -> None:
    record(
        verb=verb,
        noun="webhook",
        object_id=endpoint.pk,
        now=now,
        by=by,
        detail={"name": endpoint.name, **detail},
    )
