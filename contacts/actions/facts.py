"""
Facts on their way to the engine.

A fact that somebody listens to is written down in its own transaction: for a conversation
as a row of the intake, for a segment that is kept up to date as a contact to look at. A
conversation listens in up to three roles, and of one fact their rows stand in this order:

* `watch`: those inside are asked again (`kind` is then `wake`, `method` the fact's kind);
* `trigger`: the contact may enter (`kind` is the fact's);
* `alarm`: its yearly date is set anew (`kind` is then `alarm`, `method` the fact's kind).

A row of the intake is recorded when the fact counts: when both its times have come.
Acts that start no conversation (`QUIET`) still reach all but the triggers. Nothing
listens: nothing is written. The wake-up is a hint; the pulse finds the rows without it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.models import Event, Subscription

EXTERNAL_EVENT = "external_event"
SUBSCRIBED = "subscribed"
RESUBSCRIBED = "resubscribed"
UNSUBSCRIBED = "unsubscribed"
STOPPED = "stopped"  # a phone opted out of texts
BOUNCED = "bounced"
PROFILE_UPDATED = "profile_updated"
CONTACT_UPDATED = "contact_updated"  # the person's own columns, whatever the list
ADDED = "added"  # a subscription came to be, or became Pending
ADDRESS_CHANGED = "address_changed"
DELETED = "deleted"
IMPORTED = "import"
ORDERED = "order"
BACK_IN_STOCK = "back_in_stock"
PRICE_DROP = "price_drop"
LOW_STOCK = "low_stock"
SEGMENT_ENTERED = "segment_entered"
SEGMENT_LEFT = "segment_left"
RECEIPT = "receipt"
DELIVERY = "delivery"
DATE = "date"
ENROLL = "enroll"
BY_HAND = "by_hand"
KINDS = frozenset(
    {
        *(EXTERNAL_EVENT, SUBSCRIBED, RESUBSCRIBED, UNSUBSCRIBED, STOPPED, BOUNCED),
        *(PROFILE_UPDATED, CONTACT_UPDATED, ADDED, ADDRESS_CHANGED, DELETED, IMPORTED, ORDERED),
        *(BACK_IN_STOCK, PRICE_DROP, LOW_STOCK, SEGMENT_ENTERED, SEGMENT_LEFT),
        *(RECEIPT, DELIVERY, DATE, ENROLL, BY_HAND),
    }
)
# What watches for whatever happens: a goal that the clock alone may reach.
ANY = "any"
# What the other two roles make of a fact.
WAKE = "wake"
ALARM = "alarm"

ROLES = ("watch", "trigger", "alarm")
QUIET = ("watch", "alarm")

COLUMNS = (
    "kind",
    "list_id",
    "external_event_id",
    "segment_id",
    "event_id",
    "contact_id",
    "subscription_id",
    "occurred_at",
    "recorded_at",
    "method",
    "properties",
    "depth",
)
ONE_FACT = """
    SELECT
        %(kind)s::text AS kind, %(list_id)s::bigint AS list_id,
        %(external_event_id)s::bigint AS external_event_id, %(segment_id)s::bigint AS segment_id,
        %(event_id)s::bigint AS event_id, %(contact_id)s::bigint AS contact_id,
        %(subscription_id)s::bigint AS subscription_id,
        %(occurred_at)s::timestamptz AS occurred_at, %(recorded_at)s::timestamptz AS recorded_at,
        %(method)s::text AS method, %(properties)s::jsonb AS properties,
        %(depth)s::smallint AS depth
"""
# Who listens is found once for facts of one kind, not fact by fact.
# A fact of no list is one of every list that its contact is on. Who is not on the list is
# inside nowhere and in no segment, but a trigger hears of it: the refusal has its reason.
QUEUE = f"""
WITH {{given}}fact ({", ".join(COLUMNS)}, place) AS MATERIALIZED (
    SELECT one.*, row_number() OVER () FROM ({{rows}}) AS one
), needed AS MATERIALIZED (
    SELECT DISTINCT fact.kind, fact.list_id, fact.external_event_id, fact.segment_id FROM fact
), listening AS MATERIALIZED (
    SELECT
        listener.*, fact.kind AS of_kind, coalesce(fact.list_id, 0) AS of_list,
        coalesce(fact.external_event_id, 0) AS of_event, coalesce(fact.segment_id, 0) AS of_segment
    FROM needed AS fact
    INNER JOIN contacts_listener AS listener
        ON listener.kind IN (fact.kind, '{ANY}')
        AND {{same_list}}
        AND (
            listener.kind = '{ANY}'
            OR (
                listener.external_event_id IS NOT DISTINCT FROM fact.external_event_id
                AND listener.segment_id IS NOT DISTINCT FROM fact.segment_id
            )
        )
        AND (
            listener.role = ANY(%(roles)s)
            OR (listener.for_segment_id IS NOT NULL AND 'watch' = ANY(%(roles)s))
        )
), heard AS MATERIALIZED (
    SELECT
        fact.*, listener.id AS listener_id, listener.conversation_id, listener.for_segment_id,
        listener.role, coalesce(fact.subscription_id, subscription.id) AS own_subscription_id,
        {{number}} AS number
    FROM fact
    INNER JOIN listening AS listener
        ON listener.of_kind = fact.kind
        AND listener.of_list = coalesce(fact.list_id, 0)
        AND listener.of_event = coalesce(fact.external_event_id, 0)
        AND listener.of_segment = coalesce(fact.segment_id, 0)
        AND {{heard_if}}
    LEFT JOIN contacts_subscription AS subscription
        ON fact.subscription_id IS NULL
        AND subscription.list_id = listener.list_id
        AND subscription.contact_id = fact.contact_id
), touched AS (
    INSERT INTO contacts_segmenttouch (segment_id, contact_id, recorded_at, depth)
    SELECT heard.for_segment_id, heard.contact_id, max(heard.recorded_at), max(heard.depth)
    FROM heard
    WHERE heard.for_segment_id IS NOT NULL AND heard.own_subscription_id IS NOT NULL
        AND heard.kind <> '{DELETED}'
    GROUP BY heard.for_segment_id, heard.contact_id
    RETURNING 1
), queued AS (
    INSERT INTO contacts_intake (
        conversation_id, kind, external_event_id, segment_id, event_id, contact_id,
        subscription_id, occurred_at, recorded_at, method, properties, depth
    )
    SELECT
        heard.conversation_id,
        CASE heard.role WHEN 'watch' THEN '{WAKE}' WHEN 'alarm' THEN '{ALARM}' ELSE heard.kind END,
        heard.external_event_id, heard.segment_id, heard.event_id, heard.contact_id,
        heard.own_subscription_id, heard.occurred_at,
        greatest(heard.recorded_at, heard.occurred_at),
        CASE WHEN heard.role = 'trigger' THEN heard.method ELSE heard.kind END,
        heard.properties, heard.depth
    FROM heard
    WHERE heard.conversation_id IS NOT NULL AND heard.number = 1
        AND (
            heard.role = 'trigger' OR heard.own_subscription_id IS NOT NULL
            OR heard.kind = '{DELETED}'
        )
    ORDER BY heard.place, array_position(ARRAY{list(ROLES)!r}, heard.role::text), heard.listener_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM queued), (SELECT count(*) FROM touched), {{returning}}
"""
# The oldest that counts for a listener, seen from `{moment}`, by the account's clocks.
COUNTS_SINCE = """add_duration(
        {moment}, -(listener.within ->> 'months')::int, -(listener.within ->> 'days')::int,
        -(listener.within ->> 'seconds')::float8, %(zone)s
    )"""
# The oldest that it hears of. Its conversation asks exactly, in its own zone: two days more,
# since months end on other days and clocks change apart.
SINCE = f"{COUNTS_SINCE} - interval '2 days'"
HEARD = f"""
SELECT EXISTS (
    SELECT FROM contacts_listener AS listener
    WHERE {{on_list}} AND listener.kind IN (%(kind)s, '{ANY}')
)
"""
# The kinds that somebody listens to; segments that are kept up to date count as watching.
AUDIENCE = """
    SELECT DISTINCT listener.kind
    FROM contacts_listener AS listener
    WHERE {on_list}
        AND (
            listener.role = ANY({roles}::text[])
            OR (listener.for_segment_id IS NOT NULL AND 'watch' = ANY({roles}::text[]))
        )
"""
AUDIENCE_OF_LIST = sql.Kept(
    AUDIENCE.format(on_list="listener.list_id = %(list_id)s", roles="%(roles)s")
)
AUDIENCE_OF_ALL = sql.Kept(AUDIENCE.format(on_list="TRUE", roles="%(roles)s"))
ONE_LIST = "listener.list_id = fact.list_id"
ANY_LIST = "(fact.list_id IS NULL OR listener.list_id = fact.list_id)"


def announce(
    *,
    kind: str,
    subscription: Subscription,
    now: datetime,
    method: str = "",
    properties: Mapping[str, Any] | None = None,
    depth: int = 0,
    roles: Sequence[str] = ROLES,
    heard: Collection[str] | None = None,
) -> int:
    """
    Tell who listens of a fact about a subscription; return how many rows were queued.

    `profile_updated` carries `{"fields": [ids of the changed fields, as text]}`. Who has several
    facts to tell asks once for `heard`, the `audience` of the list.
    """
    return _announce(
        heard=heard,
        kind=kind,
        list_id=subscription.list_id,
        contact_id=subscription.contact_id,
        subscription_id=subscription.pk,
        occurred_at=now,
        recorded_at=now,
        method=method,
        properties=properties,
        depth=depth,
        roles=roles,
    )


def announce_contact(
    *,
    kind: str,
    contact_id: int,
    now: datetime,
    method: str = "",
    properties: Mapping[str, Any] | None = None,
    depth: int = 0,
) -> int:
    """Tell who listens, on any list that the contact is on, of a fact about the person."""
    return _announce(
        kind=kind,
        list_id=None,
        contact_id=contact_id,
        subscription_id=None,
        occurred_at=now,
        recorded_at=now,
        method=method,
        properties=properties,
        depth=depth,
        roles=ROLES,
    )


def announce_event(*, event: Event, depth: int = 0) -> int:
    """
    Tell who listens of an external event; return how many rows were queued.

    A contact that is not on the event's list is queued without a subscription: the engine
    refuses it with a reason, which the marketer sees.
    """
    return _announce(
        kind=EXTERNAL_EVENT,
        list_id=event.list_id,
        external_event_id=event.external_event_id,
        event_id=event.pk,
        contact_id=event.contact_id,
        subscription_id=None,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        method=event.source,
        properties=event.properties,
        depth=depth,
        roles=ROLES,
    )


def announce_many(rows: str, /, *, roles: Sequence[str] = ROLES, **params: Any) -> int:
    """
    Tell who listens of many facts at once; return how many rows were queued.

    `rows` is a SELECT of `COLUMNS` in their order; its order is the facts'. A `list_id` of
    NULL is a fact of every list that the contact is on, a `subscription_id` of NULL is
    looked up. Where nobody listens to anything the rows are not even asked for; who knows
    the kinds asks `audience` first.
    """
    if not sql.fetch_value("SELECT EXISTS (SELECT FROM contacts_listener)"):
        return 0
    return queue(rows, roles=roles, **params)[0]


def queue(
    rows: str,
    /,
    *,
    roles: Sequence[str] = ROLES,
    same_list: str = ANY_LIST,
    heard_if: str = "TRUE",
    number: str = "1",
    given: str = "",
    returning: str = "0",
    **params: Any,
) -> tuple[int, Any]:
    """
    Queue facts by one statement; return how many rows, and the value of `returning`.

    `given` is what stands before in its WITH, such as the INSERT whose rows are announced;
    `heard_if` a further condition on `fact` and `listener`. Of the rows for conversations
    only those are queued whose `number` is 1, a window over `fact` and `listener`.
    """
    statement = QUEUE.format(
        rows=rows,
        same_list=same_list,
        heard_if=heard_if,
        number=number,
        given=given,
        returning=returning,
    )
    row = sql.fetch_one(statement, roles=list(roles), **params)
    queued, touched, returned = row or (0, 0, 0)
    if queued or touched:
        wake("advance")
    return queued, returned


def audience(*, list_id: int | None = None, roles: Sequence[str] = ROLES) -> set[str]:
    """Return the kinds of facts that somebody listens to, on one list or on any: one probe."""
    if list_id is None:
        rows = sql.fetch_all(AUDIENCE_OF_ALL, roles=[*roles])
    else:
        rows = sql.fetch_all(AUDIENCE_OF_LIST, list_id=list_id, roles=[*roles])
    return kinds_of(kind for (kind,) in rows)


def kinds_of(heard: Iterable[str]) -> set[str]:
    """Return the kinds of facts among those of listeners: who waits for any hears of all."""
    kinds = set(heard)
    return kinds | KINDS if ANY in kinds else kinds


def _announce(
    *,
    list_id: int | None,
    properties: Mapping[str, Any] | None,
    roles: Sequence[str],
    external_event_id: int | None = None,
    event_id: int | None = None,
    heard: Collection[str] | None = None,
    **fact: Any,
) -> int:
    if heard is not None and fact["kind"] not in heard:
        return 0
    on_list = "TRUE" if list_id is None else "listener.list_id = %(list_id)s"
    if heard is None and not sql.fetch_value(
        HEARD.format(on_list=on_list), list_id=list_id, kind=fact["kind"]
    ):
        return 0
    queued, _ = queue(
        ONE_FACT,
        roles=roles,
        same_list="TRUE" if list_id is None else ONE_LIST,
        list_id=list_id,
        external_event_id=external_event_id,
        segment_id=None,
        event_id=event_id,
        properties=Jsonb(dict(properties or {})),
        **fact,
    )
    return queued
