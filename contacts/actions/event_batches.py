"""
Many events in one call: found, stored and announced by a handful of statements.

An event with a key is stored once in seven days, whoever sends it how often: the key is
written with it, in the same transaction, and of two calls at once the second waits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import List
from accounts.tenancy import in_account, lookups, sql
from contacts.actions import crowd, facts

KEY_COUNTS_FOR = timedelta(days=7)
TRIES = 3

MAKE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS events_stage (
    place integer NOT NULL,
    email_norm text NOT NULL,
    phone_e164 text NOT NULL,
    external_id text NOT NULL,
    contact_id bigint,
    external_event_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    key text NOT NULL,
    properties jsonb NOT NULL,
    sku text NOT NULL
) ON COMMIT DELETE ROWS;
TRUNCATE events_stage
"""
COLUMNS = (
    *("place", "email_norm", "phone_e164", "external_id", "external_event_id"),
    *("occurred_at", "key", "properties", "sku"),
)
SETTLE = "ANALYZE events_stage (place, email_norm, phone_e164, external_id, key)"
# The partial indexes are named by what they leave out. An external id is the list's own
# first, as on the wire, then the one that orders know.
FIND = {
    "email_norm": """
        UPDATE events_stage AS stage
        SET contact_id = contact.id
        FROM contacts_contact AS contact
        WHERE stage.email_norm <> '' AND contact.email_norm = stage.email_norm
            AND contact.email_norm <> ''
    """,
    "phone_e164": """
        UPDATE events_stage AS stage
        SET contact_id = contact.id
        FROM contacts_contact AS contact
        WHERE stage.phone_e164 <> '' AND contact.phone_e164 = stage.phone_e164
            AND contact.phone_e164 <> ''
    """,
    "external_id": """
        UPDATE events_stage AS stage
        SET contact_id = coalesce(
            (
                SELECT subscription.contact_id
                FROM contacts_subscription AS subscription
                WHERE subscription.list_id = %(list_id)s
                    AND subscription.external_contact_id = stage.external_id
                    AND subscription.external_contact_id <> ''
                ORDER BY subscription.id
                LIMIT 1
            ),
            (
                SELECT contact.id
                FROM contacts_contact AS contact
                WHERE contact.external_id = stage.external_id AND contact.external_id <> ''
            )
        )
        WHERE stage.external_id <> ''
    """,
}
UNKNOWN = "SELECT stage.place FROM events_stage AS stage WHERE stage.contact_id IS NULL"
# Whom this very call has made.
FOLLOW = """
    UPDATE events_stage AS stage
    SET contact_id = found.contact_id
    FROM contacts_found AS found
    INNER JOIN unnest(%(places)s::integer[], %(lines)s::bigint[]) AS made (place, line)
        ON made.line = found.line
    WHERE stage.place = made.place
"""
# Keys are written in one order by everybody: two calls never wait for each other.
RAISED = """
new_key AS (
    INSERT INTO contacts_eventkey AS known (list_id, key, recorded_at)
    SELECT %(list_id)s, given.key, %(now)s
    FROM (
        SELECT DISTINCT stage.key
        FROM events_stage AS stage
        WHERE stage.key <> '' AND stage.contact_id IS NOT NULL
    ) AS given
    ORDER BY given.key
    ON CONFLICT (account_id, list_id, key) DO UPDATE SET recorded_at = excluded.recorded_at
    WHERE known.recorded_at <= %(expired)s
    RETURNING known.key
), taken AS MATERIALIZED (
    SELECT stage.*
    FROM events_stage AS stage
    WHERE stage.contact_id IS NOT NULL AND stage.key = ''
    UNION ALL
    SELECT first.*
    FROM (
        SELECT DISTINCT ON (stage.key) stage.*
        FROM events_stage AS stage
        WHERE stage.contact_id IS NOT NULL AND stage.key <> ''
        ORDER BY stage.key, stage.place
    ) AS first
    INNER JOIN new_key ON new_key.key = first.key
), raised AS (
    INSERT INTO contacts_event (
        list_id, contact_id, external_event_id, occurred_at, recorded_at, source, properties, sku
    )
    SELECT
        %(list_id)s, taken.contact_id, taken.external_event_id, taken.occurred_at, %(now)s,
        %(source)s, taken.properties, taken.sku
    FROM taken
    ORDER BY taken.place
    RETURNING id, contact_id, external_event_id, occurred_at, recorded_at, properties
), """
RAISED_FACTS = f"""
    SELECT
        '{facts.EXTERNAL_EVENT}'::text, %(list_id)s::bigint, raised.external_event_id,
        NULL::bigint, raised.id, raised.contact_id, NULL::bigint, raised.occurred_at,
        raised.recorded_at, %(source)s::text, raised.properties, 0::smallint
    FROM raised
    ORDER BY raised.id
"""
FORGET = "DELETE FROM contacts_eventkey WHERE recorded_at <= %(expired)s"


@dataclass(slots=True)
class NewEvent:
    """
    One event to be: one identifier, normalised, the others "".

    `place` names it in the outcome. With `creates_contact` an address or number that nobody
    has becomes a contact; an external id never does. `email` is the address as typed.
    """

    place: int
    external_event_id: int
    occurred_at: datetime
    email: str = ""
    email_norm: str = ""
    phone_e164: str = ""
    external_id: str = ""
    key: str = ""
    properties: str = "{}"  # JSON
    sku: str = ""
    creates_contact: bool = False


@dataclass(frozen=True)
class Raised:
    """Places of the events that were stored, and of those whose contact is unknown."""

    stored: frozenset[int]
    unknown: frozenset[int]


def raise_events(*, list: List, events: Sequence[NewEvent], now: datetime, source: str) -> Raised:
    """
    Store events in their order, and tell who listens.

    One that is in neither set of the outcome came before under its key. Call it inside
    `in_account`; the caller has looked whether each event may be raised.
    """
    if not events:
        return Raised(frozenset(), frozenset())
    _stage(events)
    for name, statement in FIND.items():
        if any(getattr(event, name) for event in events):
            sql.execute(statement, list_id=list.pk)
    unknown = {place for (place,) in sql.fetch_all(UNKNOWN)}
    wanted = [event for event in events if event.place in unknown and event.creates_contact]
    if wanted:
        unknown -= _make_contacts(wanted, now)
    _, places = facts.queue(
        RAISED_FACTS,
        same_list=facts.ONE_LIST,
        given=RAISED,
        returning="(SELECT array_agg(taken.place) FROM taken)",
        list_id=list.pk,
        now=now,
        expired=now - KEY_COUNTS_FOR,
        source=source,
    )
    return Raised(frozenset(places or ()), frozenset(unknown))


def forget_event_keys(now: datetime) -> None:
    """Remove, in every account, the keys that count no more."""
    for account_id in lookups.all_accounts():
        with in_account(account_id):
            sql.execute(FORGET, expired=now - KEY_COUNTS_FOR)


def _stage(events: Iterable[NewEvent]) -> None:
    sql.execute(MAKE_STAGE)
    with sql.copy_into(f"COPY events_stage ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for event in events:
            copy.write_row([getattr(event, name) for name in COLUMNS])
    sql.execute(SETTLE)


def _make_contacts(events: Sequence[NewEvent], now: datetime) -> set[int]:
    """Make the contacts of these events; return the places whose contact is there now."""
    registry = crowd.Registry()
    lines = [
        registry.add(
            crowd.Person(
                line=event.place,
                email=event.email,
                email_norm=event.email_norm,
                phone_e164=event.phone_e164,
            )
        )
        for event in events
        if not event.external_id
    ]
    places = [event.place for event in events if not event.external_id]
    _again(lambda: crowd.save_people(registry=registry, now=now))
    sql.execute(FOLLOW, places=places, lines=lines)
    return set(places)


def _again(save: Callable[[], Any]) -> None:
    """Save, once more if somebody else made one of the contacts at this moment."""
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                save()
        except crowd.ConcurrentChangeError:
            if attempt == TRIES:
                raise
        else:
            return
