"""
Erasure: people are forgotten, in every place that knows them, in one transaction.

What goes: the contact, its subscriptions with their profiles, its events, its places in
segments, queued facts, and what imports kept of lines that name it. Its orders stay as
figures: without the contact, without what the wire brought beside numbers and articles.
Apps above clear theirs (`ERASERS`). Who is inside a conversation leaves it, `contact
deleted`, with the next tick: the fact outlives the contact, and carries nothing but its id.

Not reached: files on the disk that were imported, backups, and systems that were told.
An address that comes again makes a new contact; whether it may be written to is for the
suppressions to say, which keep the hash of an address that had opted out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.actions import record
from accounts.models import ApiClient, User
from accounts.tenancy import sql
from contacts.actions import facts
from contacts.models import Contact, Erasure

# Fewer letters would take lines that name somebody else.
FEWEST_LETTERS = 5


@dataclass(frozen=True)
class Erasing:
    """The people of one erasure: ids, and what they were found by, normalised, "" left out."""

    contact_ids: list[int]
    emails: list[str]
    phones: list[str]
    now: datetime


@dataclass(frozen=True)
class Eraser:
    """
    How one app forgets people.

    `hold` keeps out, before anything is read, whoever could write of them meanwhile;
    `clear` runs while contacts and subscriptions are still there.
    """

    clear: Callable[[Erasing], None]
    hold: Callable[[], None] = lambda: None


# Apps above say so when they are ready, by their name.
ERASERS: dict[str, Eraser] = {}

LOCK = """
    SELECT contact.id, contact.email_norm, contact.phone_e164, contact.external_id
    FROM contacts_contact AS contact
    WHERE contact.id = ANY(%(ids)s::bigint[])
    ORDER BY contact.id
    FOR UPDATE
"""
DELETED = f"""
    SELECT
        '{facts.DELETED}'::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, one.id,
        NULL::bigint, %(now)s::timestamptz, %(now)s::timestamptz, ''::text, '{{}}'::jsonb,
        0::smallint
    FROM unnest(%(ids)s::bigint[]) AS one (id)
    ORDER BY one.id
"""
# In this order: what points at a row goes before it. The queue has no index by contact; it
# is short, or it would be the engine that needs help.
STATEMENTS = (
    """
    UPDATE contacts_orderitem AS item
    SET extra = '{}'
    WHERE item.extra <> '{}' AND item.order_id = ANY(ARRAY(
        SELECT stored.id FROM contacts_order AS stored WHERE stored.contact_id = ANY(%(ids)s::bigint[])
    ))
    """,
    """
    UPDATE contacts_order AS stored
    SET contact_id = NULL, extra = '{}', updated_at = %(now)s
    WHERE stored.contact_id = ANY(%(ids)s::bigint[])
    """,
    "DELETE FROM contacts_event AS event WHERE event.contact_id = ANY(%(ids)s::bigint[])",
    # What somebody wrote about a product stays, without the person.
    """
    UPDATE contacts_review AS review
    SET reviewer_name = '', reviewer_email = '', reviewer_location = ''
    WHERE lower(review.reviewer_email) = ANY(ARRAY(
        SELECT contact.email_norm
        FROM contacts_contact AS contact
        WHERE contact.id = ANY(%(ids)s::bigint[]) AND contact.email_norm <> ''
    ))
    """,
    "DELETE FROM contacts_segmenttouch AS touch WHERE touch.contact_id = ANY(%(ids)s::bigint[])",
    """
    DELETE FROM contacts_segmentmember AS member
    WHERE member.subscription_id = ANY(ARRAY(
        SELECT subscription.id
        FROM contacts_subscription AS subscription
        WHERE subscription.contact_id = ANY(%(ids)s::bigint[])
    ))
    """,
    """
    DELETE FROM contacts_subscription AS subscription
    WHERE subscription.contact_id = ANY(%(ids)s::bigint[])
    """,
    "DELETE FROM contacts_contact AS contact WHERE contact.id = ANY(%(ids)s::bigint[])",
)
FORGET_FACTS = (
    "DELETE FROM contacts_intake AS intake WHERE intake.contact_id = ANY(%(ids)s::bigint[])"
)
# A line that names somebody is of no use without the name.
FORGET_LINES = """
    UPDATE contacts_importreject AS remark
    SET raw = '', reason = CASE WHEN remark.reason ILIKE ANY(%(likes)s::text[]) THEN '' ELSE remark.reason END
    WHERE remark.raw ILIKE ANY(%(likes)s::text[]) OR remark.reason ILIKE ANY(%(likes)s::text[])
"""


def erase(
    *,
    contacts: Sequence[int],
    now: datetime,
    source: str,
    phones: Sequence[str] = (),
    by: User | ApiClient | None = None,
) -> Erasure:
    """
    Forget contacts of the current account by their ids; return what says that it was done.

    `phones` (E.164) are forgotten besides: a number may be known without a contact. One
    statement a table, whatever the number of contacts. An id that nobody has (any more)
    counts for nothing, so that doing it twice changes nothing.
    """
    for eraser in ERASERS.values():
        eraser.hold()
    rows = sql.fetch_all(LOCK, ids=list(contacts))
    erasing = Erasing(
        contact_ids=[row[0] for row in rows],
        emails=[row[1] for row in rows if row[1]],
        phones=sorted({*phones, *(row[2] for row in rows if row[2])}),
        now=now,
    )
    erasure = Erasure.objects.create(
        requested_at=now, erased_at=now, source=source, contacts=len(rows)
    )
    record(
        verb="erased",
        noun="contact",
        object_id=erasing.contact_ids[0] if len(rows) == 1 else None,
        now=now,
        by=by,
        detail={"contacts": len(rows), "erasure": erasure.pk},
    )
    _forget(erasing, named=[*phones, *(name for row in rows for name in row[1:])])
    return erasure


def find_people(*, email_norm: str = "", phone_e164: str = "") -> list[int]:
    """Return the ids of the contacts that an address or a number names: none, one or two."""
    found: set[int] = set()
    for field, value in (("email_norm", email_norm), ("phone_e164", phone_e164)):
        if value:
            found |= set(Contact.objects.filter(**{field: value}).values_list("pk", flat=True))
    return sorted(found)


def _forget(erasing: Erasing, *, named: Sequence[str]) -> None:
    ids = erasing.contact_ids
    sql.execute(FORGET_FACTS, ids=ids)
    facts.announce_many(DELETED, ids=ids, now=erasing.now)
    for eraser in ERASERS.values():
        eraser.clear(erasing)
    likes = [f"%{_literal(name)}%" for name in named if len(name) >= FEWEST_LETTERS]
    if likes:
        sql.execute(FORGET_LINES, likes=likes)
    for statement in STATEMENTS:
        sql.execute(statement, ids=ids, now=erasing.now)


def _literal(text: str) -> str:
    """Return a text as LIKE reads it letter by letter."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
