"""
Segment > Source: what happens here is told to Segment, as Listrak's source of Segment does it.

The source is one endpoint of the account (`Endpoint.is_source`): the names and properties of
its calls are in `formats`, and it is delivered, retried and logged as any endpoint is.

*Send all current subscribers* goes through the subscriptions of its lists by their ids, a few
thousand at a time while little waits to be told. Each is held while its telling is written
down, so that whoever leaves the list meanwhile is told of after it, never before.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import Account, User
from accounts.secrets import seal
from accounts.tenancy import in_account, lookups, sql
from accounts.tenancy.account import current_account_id
from conductor.webhooks.actions import checked_lists, checked_url
from conductor.webhooks.models import Endpoint, Format, Kind, Pending
from conductor.webhooks.reading import keep_reading
from contacts.models import ProfileField, Subscription, SubscriptionState

SEGMENT_URL = "https://api.segment.io/v1/batch"
NAME = "Segment"
KINDS = [
    *(Kind.SUBSCRIBED, Kind.UNSUBSCRIBED, Kind.SENT, Kind.OPENED, Kind.CLICKED),
    *(Kind.BOUNCED, Kind.COMPLAINED, Kind.CONVERTED),
]
# Segment takes 500 KB a batch; one change of subscription makes two calls.
BATCH = 100
NO_KEY = "Paste the write key of the source in Segment."
LONGEST_KEY = 200
HINT_LETTERS = 4

CHUNK = 5_000
# More than this waits to be told: the rest of a backfill waits, too.
PLENTY = 20_000
CHUNKS_AT_ONCE = 10

BACKFILL = """
    WITH standing AS MATERIALIZED (
        SELECT subscription.id, subscription.list_id, subscription.contact_id
        FROM contacts_subscription AS subscription
        WHERE subscription.id > %(after)s AND subscription.id <= %(upto)s
            AND subscription.list_id = ANY(%(lists)s::bigint[])
            AND subscription.state = 'Subscribed'
        ORDER BY subscription.id
        LIMIT %(most)s
        FOR SHARE
    ), noted AS (
        INSERT INTO webhooks_happening (
            kind, list_id, contact_id, occurred_at, recorded_at, detail
        )
        SELECT
            'subscribed', standing.list_id, standing.contact_id, %(now)s, %(now)s,
            '{"backfill": true}'::jsonb
        FROM standing
        ORDER BY standing.id
        RETURNING id
    ), waiting AS (
        INSERT INTO webhooks_pending (endpoint_id, happening_id)
        SELECT %(endpoint_id)s, noted.id
        FROM noted
        ORDER BY noted.id
        RETURNING 1
    )
    SELECT (SELECT max(standing.id) FROM standing), (SELECT count(*) FROM waiting)
"""


def find_source() -> Endpoint | None:
    """Return the account's source, or None."""
    return Endpoint.objects.filter(is_source=True).order_by("pk").first()


def save_source(
    *,
    write_key: str,
    url: str,
    lists: Sequence[int],
    user_id_fields: Mapping[int, int],
    now: datetime,
    by: User | None = None,
) -> Endpoint:
    """
    Make the account's source, or change it; an empty `write_key` keeps the one it has.

    `user_id_fields`: by list the id of the profile field that is Segment's userId. An empty
    `url` is Segment's own.

    :raises InvalidValueError: `write_key`, `url`, `lists` or `user_id_fields`.
    """
    # Two who save at once make one source.
    Account.objects.select_for_update(no_key=True).get(pk=current_account_id() or 0)
    source = find_source()
    if not lists:
        raise InvalidValueError("lists", "Choose at least one list.")
    settings: dict[str, Any] = {
        "url": checked_url(url.strip() or SEGMENT_URL),
        "lists": checked_lists(lists),
    }
    options: dict[str, Any] = {
        **(source.options if source else {}),
        "user_id_fields": _checked_fields(user_id_fields, lists),
    }
    key = write_key.strip()
    if key:
        settings["sealed_authorization"] = seal(_authorization(key))
        options["hint"] = key[-HINT_LETTERS:] if len(key) > 2 * HINT_LETTERS else ""
    elif source is None:
        raise InvalidValueError("write_key", NO_KEY)
    if source is None:
        source = Endpoint(
            name=NAME,
            kinds=[kind.value for kind in KINDS],
            format=Format.SEGMENT.value,
            batch_size=BATCH,
            sealed_secret=seal(secrets.token_urlsafe(32)),
            is_source=True,
            created_at=now,
        )
    for name, value in settings.items():
        setattr(source, name, value)
    source.options, source.updated_at = options, now
    source.save()
    keep_reading()
    record(verb="saved", noun="Segment source", object_id=source.pk, now=now, by=by)
    return source


def begin_backfill(*, source: Endpoint, now: datetime, by: User | None = None) -> None:
    """Tell Segment of everybody who is Subscribed on the source's lists; begun again, anew."""
    last = Subscription.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    _keep(source.pk, {"after": 0, "upto": last, "sent": 0, "began_at": now.isoformat()})
    record(verb="backfilled", noun="Segment source", object_id=source.pk, now=now, by=by)
    go_on(now=now, chunks=1)


def go_on(*, now: datetime, chunks: int = CHUNKS_AT_ONCE) -> bool:
    """Write down the next chunks of the current account's backfill; say whether more is left."""
    for _ in range(chunks):
        # Waits for whoever changes the source, and for another run of this.
        source = (
            Endpoint.objects.select_for_update(of=("self",))
            .filter(is_source=True, options__has_key="backfill")
            .first()
        )
        if source is None or "ended_at" in source.options["backfill"]:
            return False
        if Pending.objects.filter(endpoint_id=source.pk)[PLENTY:].exists():
            return True
        if not _write_chunk(source, now):
            return False
    return True


def go_on_everywhere(now: datetime) -> None:
    """Go on with the backfills of all accounts."""
    for account_id in lookups.backfill_accounts():
        for _ in range(CHUNKS_AT_ONCE):
            with in_account(account_id):
                if not go_on(now=now, chunks=1):
                    break


def _write_chunk(source: Endpoint, now: datetime) -> bool:
    """Write down one chunk; say whether there may be another."""
    progress = dict(source.options["backfill"])
    after, count = sql.fetch_one(
        BACKFILL,
        endpoint_id=source.pk,
        after=progress["after"],
        upto=progress["upto"],
        lists=source.lists,
        most=CHUNK,
        now=now,
    ) or (None, 0)
    is_over = count < CHUNK
    progress["sent"] += count
    progress["after"] = progress["upto"] if is_over else after
    if is_over:
        progress["ended_at"] = now.isoformat()
    _keep(source.pk, progress)
    return not is_over


def _keep(source_id: int, progress: Mapping[str, Any]) -> None:
    source = Endpoint.objects.select_for_update(of=("self",)).get(pk=source_id)
    source.options = {**source.options, "backfill": dict(progress)}
    source.save(update_fields=["options"])


def subscribers(source: Endpoint) -> int:
    """Count who is Subscribed on a source's lists."""
    return Subscription.objects.filter(
        list_id__in=source.lists, state=SubscriptionState.SUBSCRIBED
    ).count()


def _authorization(key: str) -> str:
    """
    Return the header by which Segment knows a source.

    :raises InvalidValueError: `write_key`, for one that no header holds.
    """
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidValueError("write_key", "A write key is letters and digits without a space.")
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def _checked_fields(given: Mapping[int, int], lists: Sequence[int]) -> dict[str, int]:
    """
    Return fields by the list's id, as text.

    :raises InvalidValueError: `user_id_fields`, for a field that its list has not.
    """
    wanted = {list_id: field_id for list_id, field_id in given.items() if list_id in lists}
    rows = ProfileField.objects.filter(pk__in=wanted.values()).values_list("list_id", "pk")
    if not set(wanted.items()) <= set(rows):
        raise InvalidValueError("user_id_fields", "The list has no such profile field.")
    return {str(list_id): field_id for list_id, field_id in wanted.items()}
