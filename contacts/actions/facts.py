"""
Facts on their way to the engine.

A fact that a live conversation of the list listens to becomes a row of the intake, in the
fact's own transaction, one per listening conversation. Nothing listens: nothing is
written. The wake-up is a hint; the pulse finds the row within a second without it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.models import Event, Subscription

SUBSCRIBED = "subscribed"
RESUBSCRIBED = "resubscribed"
PROFILE_UPDATED = "profile_updated"
IMPORTED = "import"
EXTERNAL_EVENT = "external_event"
ORDERED = "order"
ADDRESS_CHANGED = "address_changed"

QUEUE_FACT = """
INSERT INTO contacts_intake (
    conversation_id, kind, external_event_id, event_id, contact_id, subscription_id,
    occurred_at, recorded_at, method, properties, depth
)
SELECT
    listener.conversation_id, listener.kind, listener.external_event_id, %(event_id)s,
    %(contact_id)s, %(subscription_id)s, %(occurred_at)s, %(now)s, %(method)s,
    %(properties)s, %(depth)s
FROM contacts_listener AS listener
WHERE listener.list_id = %(list_id)s
    AND listener.kind = %(kind)s
    AND listener.external_event_id IS NOT DISTINCT FROM %(external_event_id)s::bigint
ORDER BY listener.id
"""


def announce(
    *,
    kind: str,
    subscription: Subscription,
    now: datetime,
    method: str = "",
    properties: Mapping[str, Any] | None = None,
    depth: int = 0,
) -> int:
    """
    Queue a fact about a subscription; return how many conversations will hear of it.

    `profile_updated` carries `{"fields": [ids of the changed fields, as text]}`.
    """
    return _queue(
        kind=kind,
        list_id=subscription.list_id,
        external_event_id=None,
        event_id=None,
        contact_id=subscription.contact_id,
        subscription_id=subscription.pk,
        occurred_at=now,
        now=now,
        method=method,
        properties=Jsonb(dict(properties or {})),
        depth=depth,
    )


def announce_event(*, event: Event, depth: int = 0) -> int:
    """
    Queue an external event; return how many conversations will hear of it.

    A contact that is not on the event's list is queued without a subscription: the engine
    refuses it with a reason, which the marketer sees.
    """
    subscription = (
        Subscription.objects.filter(list_id=event.list_id, contact_id=event.contact_id)
        .values_list("pk", flat=True)
        .first()
    )
    return _queue(
        kind=EXTERNAL_EVENT,
        list_id=event.list_id,
        external_event_id=event.external_event_id,
        event_id=event.pk,
        contact_id=event.contact_id,
        subscription_id=subscription,
        occurred_at=event.occurred_at,
        now=event.recorded_at,
        method=event.source,
        properties=Jsonb(event.properties),
        depth=depth,
    )


def _queue(**fact: Any) -> int:
    queued = sql.execute(QUEUE_FACT, **fact)
    if queued:
        wake("advance")
    return queued
