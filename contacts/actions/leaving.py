"""Take many contacts off lists at once: what providers and mail programs ask for."""

from collections.abc import Sequence
from datetime import datetime

from accounts.tenancy import sql
from contacts.actions import facts, happenings

# The first date stands, as with one contact.
LEAVE = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT asked.list_id, asked.contact_id
    FROM unnest(%(lists)s::bigint[], %(contacts)s::bigint[]) AS asked (list_id, contact_id)
)
UPDATE contacts_subscription AS subscription
SET
    state = 'Unsubscribed',
    unsubscribed_at = %(now)s,
    unsubscribe_method = %(method)s,
    updated_at = %(now)s
FROM wanted
WHERE
    subscription.contact_id = wanted.contact_id
    AND (wanted.list_id IS NULL OR subscription.list_id = wanted.list_id)
    AND subscription.state <> 'Unsubscribed'
RETURNING subscription.id
"""
LEFT = f"""
    SELECT
        '{facts.UNSUBSCRIBED}'::text, subscription.list_id, NULL::bigint, NULL::bigint,
        NULL::bigint, subscription.contact_id, subscription.id, %(now)s::timestamptz,
        %(now)s::timestamptz, %(method)s::text, '{{}}'::jsonb, 0::smallint
    FROM contacts_subscription AS subscription
    WHERE subscription.id = ANY(%(ids)s::bigint[])
    ORDER BY subscription.id
"""


def unsubscribe_many(
    *, wanted: Sequence[tuple[int | None, int]], method: str, now: datetime
) -> int:
    """
    Take contacts off lists, and tell who listens; return how many subscriptions that ended.

    `wanted`: (list id, contact id); a list id of None is every list of the contact. Who is
    off a list already, or never was on it, is passed over.
    """
    if not wanted:
        return 0
    rows = sql.fetch_all(
        LEAVE,
        lists=[list_id for list_id, _ in wanted],
        contacts=[contact_id for _, contact_id in wanted],
        method=method,
        now=now,
    )
    ids = [row[0] for row in rows]
    if ids and facts.UNSUBSCRIBED in facts.audience():
        facts.announce_many(LEFT, ids=ids, method=method, now=now)
    if ids:
        happenings.note_facts([happenings.UNSUBSCRIBED], LEFT, ids=ids, method=method, now=now)
    return len(ids)
