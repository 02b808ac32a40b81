"""
Clearing a profile field: its values go, of all subscribed contacts of the list, behind the page.

It is an import like any other: what it takes is a file of ranges of subscriptions, a line a
batch, so that it goes on where it stopped and can be polled.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.core.files.base import ContentFile

from accounts.actions import record
from accounts.models import ApiClient, User
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.actions import facts
from contacts.imports.running import Reject
from contacts.models import Import, ProfileField
from contacts.models.imports import ImportKind, ImportStatus

BATCH = 5_000
RANGES = """
    SELECT min(part.id), max(part.id)
    FROM (
        SELECT subscription.id, (row_number() OVER (ORDER BY subscription.id) - 1) / %(batch)s AS place
        FROM contacts_subscription AS subscription
        WHERE subscription.list_id = %(list_id)s AND subscription.state = 'Subscribed'
            AND subscription.profile -> %(key)s IS NOT NULL
    ) AS part
    GROUP BY part.place
    ORDER BY part.place
"""
CLEAR = """
    UPDATE contacts_subscription AS subscription
    SET profile = subscription.profile - %(key)s::text, updated_at = %(now)s
    WHERE subscription.list_id = %(list_id)s AND subscription.state = 'Subscribed'
        AND subscription.id BETWEEN %(first)s AND %(last)s
        AND subscription.profile -> %(key)s IS NOT NULL
    RETURNING subscription.id
"""
CLEARED = f"""
    SELECT
        '{facts.PROFILE_UPDATED}'::text, subscription.list_id, NULL::bigint, NULL::bigint,
        NULL::bigint, subscription.contact_id, subscription.id, %(now)s::timestamptz,
        %(now)s::timestamptz, 'import'::text,
        jsonb_build_object('fields', jsonb_build_array(%(key)s::text)), 0::smallint
    FROM contacts_subscription AS subscription
    WHERE subscription.id = ANY(%(ids)s::bigint[])
    ORDER BY subscription.id
"""


def clear_field(
    *, field: ProfileField, now: datetime, by: User | ApiClient | None = None
) -> Import:
    """Queue the clearing of a field's values; who has one by the time it runs loses it."""
    rows = sql.fetch_all(RANGES, list_id=field.list_id, key=str(field.pk), batch=BATCH)
    lines = "".join(f"{first},{last}\n" for first, last in rows).encode()
    made = Import(
        kind=ImportKind.CLEARINGS,
        list_id=field.list_id,
        file_name=f"Cleared: {field.group.name}.{field.name}"[:255],
        size=len(lines),
        mapping={"encoding": "utf-8", "delimiter": ",", "qualifier": "", "has_header": False},
        options={"field_id": field.pk},
        status=ImportStatus.READY,
        created_by=by if isinstance(by, User) else None,
        created_at=now,
        started_at=now,
    )
    made.file.save("ranges.csv", ContentFile(lines), save=False)
    made.save()
    record(verb="cleared", noun="profile field", object_id=field.pk, now=now, by=by)
    wake("import")
    return made


def take_ranges(
    imported: Import, records: Iterator[tuple[int, list[str]]], _reject: Reject, now: datetime
) -> dict[str, int]:
    """Clear the ranges of a chunk; whoever listens for changes hears of it, but nobody enters."""
    key = str(imported.options["field_id"])
    updated = 0
    for _, (first, last) in records:
        rows = sql.fetch_all(
            CLEAR,
            list_id=imported.list_id,
            key=key,
            first=int(first),
            last=int(last),
            now=now,
        )
        ids: Sequence[int] = [row[0] for row in rows]
        if ids:
            facts.announce_many(CLEARED, roles=("watch",), ids=ids, key=key, now=now)
        updated += len(ids)
    return {"updated": updated}
