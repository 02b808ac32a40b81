"""
Many people at once: the bulk form of `contacts.actions.people`, for imports and the wire.

The rows wait in a temporary stage without `account_id` (COPY is refused on a table with
row-level security). `resolve` finds or makes up each row's contact in one join;
`create_missing` and `update_known` write them. Rows of one batch have one identity each
(`Registry` sees to it); rows that turn out to be one contact all the same are taken in
turns, in the order of their lines.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from contacts.actions import facts
from contacts.actions.people import TWO_CONTACTS

MAKE_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS contacts_stage (
    line bigint NOT NULL,
    email text NOT NULL DEFAULT '',
    email_norm text NOT NULL DEFAULT '',
    external_id text NOT NULL DEFAULT '',
    phone_e164 text NOT NULL DEFAULT '',
    first_name text NOT NULL DEFAULT '',
    last_name text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT '',
    locale text NOT NULL DEFAULT '',
    postal_code text NOT NULL DEFAULT '',
    birthday date,
    extra jsonb,
    external_contact_id text NOT NULL DEFAULT '',
    profile jsonb NOT NULL DEFAULT '{}',
    event_ids bigint[] NOT NULL DEFAULT '{}',
    row_count int NOT NULL DEFAULT 1,
    others jsonb NOT NULL DEFAULT '{}',
    raw text NOT NULL DEFAULT ''
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS contacts_found (
    line bigint NOT NULL,
    turn int NOT NULL,
    contact_id bigint NOT NULL,
    contact_is_new bool NOT NULL,
    external_id text NOT NULL,
    phone_e164 text NOT NULL,
    is_crossed bool NOT NULL,
    subscription_id bigint,
    state text,
    was_subscribed bool,
    profile_before jsonb,
    own_subscription_id bigint
) ON COMMIT DELETE ROWS;
TRUNCATE contacts_stage, contacts_found
"""

# Joins cost time even where they find nothing: only the identifiers that occur are asked.
RESOLVE = """
INSERT INTO contacts_found
SELECT
    known.line,
    1,
    coalesce(
        known.contact_id, nextval(pg_get_serial_sequence('contacts_contact', 'id'))
    ),
    known.contact_id IS NULL,
    CASE WHEN known.id_is_taken THEN '' ELSE known.external_id END,
    CASE WHEN known.phone_is_taken THEN '' ELSE known.phone_e164 END,
    known.id_is_taken OR known.phone_is_taken,
    subscription.id,
    subscription.state,
    subscription.subscribed_at IS NOT NULL,
    CASE WHEN %(keep_profile)s THEN subscription.profile END,
    coalesce(subscription.id, CASE
        WHEN %(list_id)s::bigint IS NOT NULL
            THEN nextval(pg_get_serial_sequence('contacts_subscription', 'id'))
    END)
FROM (
    SELECT
        named.*,
        named.external_holder IS DISTINCT FROM named.contact_id
            AND named.external_holder IS NOT NULL AS id_is_taken,
        named.phone_holder IS DISTINCT FROM named.contact_id
            AND named.phone_holder IS NOT NULL AS phone_is_taken
    FROM (
        SELECT
            stage.line,
            stage.external_id,
            stage.phone_e164,
            {contact_id} AS contact_id,
            {external_holder} AS external_holder,
            {phone_holder} AS phone_holder
        FROM contacts_stage AS stage
        {joins}
    ) AS named
) AS known
LEFT JOIN contacts_subscription AS subscription
    ON subscription.list_id = %(list_id)s AND subscription.contact_id = known.contact_id
"""
# What the partial indexes leave out is named, or they could not be used.
JOINS = {
    "email_norm": (
        "LEFT JOIN contacts_contact AS by_email"
        " ON stage.email_norm <> '' AND by_email.email_norm = stage.email_norm"
        " AND by_email.email_norm <> ''"
    ),
    "external_id": (
        "LEFT JOIN contacts_contact AS by_external"
        " ON stage.external_id <> '' AND by_external.external_id = stage.external_id"
        " AND by_external.external_id <> ''"
    ),
    "phone_e164": (
        "LEFT JOIN contacts_contact AS by_phone"
        " ON stage.phone_e164 <> '' AND by_phone.phone_e164 = stage.phone_e164"
        " AND by_phone.phone_e164 <> ''"
    ),
}
HOLDERS = {
    "email_norm": "by_email.id",
    "external_id": "by_external.id",
    "phone_e164": "by_phone.id",
}

# A row that names a contact by an identifier which an earlier row of the batch brings in.
FOLLOW = """
UPDATE contacts_found AS found
SET contact_id = first.contact_id, contact_is_new = false
FROM contacts_stage AS stage, contacts_found AS first
WHERE found.line = stage.line AND found.contact_is_new AND first.line < stage.line
    AND stage.email_norm = '' AND {named_by} AND first.{identifier} = stage.{identifier}
"""
NAMED_BY = {
    "external_id": "stage.external_id <> ''",
    "phone_e164": "stage.external_id = '' AND stage.phone_e164 <> ''",
}
TAKE_TURNS = """
UPDATE contacts_found AS found
SET turn = ranked.turn
FROM (
    SELECT line, row_number() OVER (PARTITION BY contact_id ORDER BY line) AS turn
    FROM contacts_found
) AS ranked
WHERE ranked.line = found.line AND ranked.turn > 1
"""

# Without statistics the planner takes a stage for tiny and joins row by row.
SETTLE = {
    "contacts_stage": "ANALYZE contacts_stage (line, email_norm, external_id, phone_e164)",
    "contacts_found": (
        "ANALYZE contacts_found (line, turn, contact_id, contact_is_new, subscription_id, state)"
    ),
}
WORTH_SETTLING = 1000  # rows

CREATE_MISSING = """
INSERT INTO contacts_contact (
    id, email, email_norm, external_id, phone_e164, first_name, last_name, time_zone,
    locale, postal_code, birthday, extra, created_at, updated_at
)
SELECT
    found.contact_id, stage.email, stage.email_norm, found.external_id, found.phone_e164,
    stage.first_name, stage.last_name, stage.time_zone, stage.locale, stage.postal_code,
    stage.birthday, coalesce(stage.extra, '{}'), %(now)s, %(now)s
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
WHERE found.contact_is_new
ON CONFLICT DO NOTHING
"""

UPDATE_KNOWN = """
UPDATE contacts_contact AS contact
SET {settings}, updated_at = %(now)s
FROM contacts_found AS found
JOIN contacts_stage AS stage ON stage.line = found.line
WHERE contact.id = found.contact_id AND found.turn = %(turn)s AND NOT found.contact_is_new
    AND ({differences})
RETURNING found.line
"""
# What a row brings and what the contact keeps where it brings nothing.
BROUGHT = {
    "external_id": "found.external_id",
    "phone_e164": "found.phone_e164",
    "first_name": "stage.first_name",
    "last_name": "stage.last_name",
    "time_zone": "stage.time_zone",
    "locale": "stage.locale",
    "postal_code": "stage.postal_code",
}
UPDATED = f"""
SELECT
    '{facts.CONTACT_UPDATED}', NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
    changed.contact_id, NULL::bigint, %(now)s::timestamptz, %(now)s::timestamptz,
    ''::text, '{{}}'::jsonb, 0::smallint
FROM (
    SELECT DISTINCT found.contact_id
    FROM contacts_found AS found
    WHERE found.line = ANY(%(lines)s::bigint[])
) AS changed
"""


class ConcurrentChangeError(RuntimeError):
    """Somebody else created one of the contacts meanwhile: roll back and do it again."""


@dataclass(slots=True)
class Person:
    """
    A row of the stage: identifiers are normalised, "" is not given, dates are ISO.

    `extra` holds further values by the wire's names, each in place of the one that is there.
    """

    line: int
    email: str = ""
    email_norm: str = ""
    external_id: str = ""
    phone_e164: str = ""
    first_name: str = ""
    last_name: str = ""
    time_zone: str = ""
    locale: str = ""
    postal_code: str = ""
    birthday: str | None = None
    extra: dict[str, Any] | None = None

    @property
    def identity(self) -> str:
        """What the person is found by; "" for nobody."""
        if self.email_norm:
            return f"@{self.email_norm}"
        if self.external_id:
            return f"#{self.external_id}"
        return f"+{self.phone_e164}" if self.phone_e164 else ""


PERSON_COLUMNS = tuple(field.name for field in fields(Person))
EXTRA = PERSON_COLUMNS.index("extra")


class Claims:
    """Who of a batch holds which external id and phone: the first that brings it."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def take(self, person: Person) -> bool:
        """
        Note what a person brings, and take away what an earlier one holds.

        Returns whether something was taken away. A person who is named by an identifier
        and has no better one follows its holder instead.
        """
        crossed = False
        identity = person.identity
        for column, mark in (("external_id", "#"), ("phone_e164", "+")):
            value = getattr(person, column)
            if not value:
                continue
            holder = self._holders.setdefault(f"{mark}{value}", identity)
            if identity not in (holder, f"{mark}{value}"):
                setattr(person, column, "")
                crossed = True
        return crossed


class Registry:
    """
    The people of one batch: one row per identity, an identifier held by one of them.

    Later values win. `crossed` holds the lines whose external id or phone an earlier
    person of the batch has: they are taken without it, with a warning.
    """

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.crossed: list[int] = []
        self.columns: set[str] = set()
        self._claims = Claims()

    def add(self, person: Person) -> int:
        """Take a person; return the line under which its contact is found."""
        for column in PERSON_COLUMNS[1:]:
            if getattr(person, column):
                self.columns.add(column)
        if self._claims.take(person):
            self.crossed.append(person.line)
        known = self.people.setdefault(person.identity, person)
        if known is not person:
            extra = {**(known.extra or {}), **(person.extra or {})}
            for column in PERSON_COLUMNS[2:]:
                if getattr(person, column):
                    setattr(known, column, getattr(person, column))
            known.extra = extra or None
        return known.line


def prepare() -> None:
    """Make the empty stage for one batch."""
    sql.execute(MAKE_STAGE)


def stage_people(people: Iterable[Person]) -> None:
    """Copy people into the stage."""
    columns = ", ".join(PERSON_COLUMNS)
    count = 0
    with sql.copy_into(f"COPY contacts_stage ({columns}) FROM STDIN") as copy:
        for person in people:
            row = [getattr(person, column) for column in PERSON_COLUMNS]
            row[EXTRA] = person.extra and json.dumps(person.extra)
            copy.write_row(row)
            count += 1
    settle("contacts_stage", count)


def settle(table: str, rows: int) -> None:
    """Tell the planner about a stage that was just filled with that many rows."""
    if rows >= WORTH_SETTLING:
        sql.execute(SETTLE[table])


def resolve(
    *,
    identifiers: Sequence[str],
    list_id: int | None = None,
    keep_profile: bool = False,
    mixed: bool = True,
) -> int:
    """
    Find each staged row's contact, and its subscription to the list; return the turns.

    `identifiers` are those that occur, among `email_norm`, `external_id`, `phone_e164`.
    Contacts and subscriptions that do not exist get an id here, before they exist. `mixed` says that some
    rows have no email: only then can two rows be one contact.
    """
    asked = [name for name in JOINS if name in identifiers]
    cases = [f"WHEN stage.{name} <> '' THEN {HOLDERS[name]}" for name in asked]
    found = sql.execute(
        RESOLVE.format(
            contact_id=f"CASE {' '.join(cases)} END",
            external_holder=HOLDERS["external_id"] if "external_id" in asked else "NULL::bigint",
            phone_holder=HOLDERS["phone_e164"] if "phone_e164" in asked else "NULL::bigint",
            joins="\n        ".join(JOINS[name] for name in asked),
        ),
        list_id=list_id,
        keep_profile=keep_profile,
    )
    settle("contacts_found", found)
    if not mixed or asked == ["email_norm"]:
        return 1
    for name in asked:
        if name in NAMED_BY:
            sql.execute(FOLLOW.format(named_by=NAMED_BY[name], identifier=name))
    sql.execute(TAKE_TURNS)
    return int(sql.fetch_value("SELECT coalesce(max(turn), 1) FROM contacts_found"))


def create_missing(*, now: datetime) -> int:
    """
    Create the contacts that were not found; return how many.

    :raises ConcurrentChangeError: if somebody else created one meanwhile.
    """
    missing = int(sql.fetch_value("SELECT count(*) FROM contacts_found WHERE contact_is_new"))
    if missing and sql.execute(CREATE_MISSING, now=now) != missing:
        raise ConcurrentChangeError
    return missing


def update_known(*, columns: Iterable[str], turn: int, now: datetime) -> set[int]:
    """Give known contacts what the rows of a turn bring; return the lines that changed one."""
    brought = [name for name in BROUGHT if name in set(columns)]
    settings = [
        f"{name} = coalesce(nullif({BROUGHT[name]}, ''), contact.{name})" for name in brought
    ]
    differences = [
        f"{BROUGHT[name]} <> '' AND {BROUGHT[name]} <> contact.{name}" for name in brought
    ]
    if "birthday" in set(columns):
        settings.append("birthday = coalesce(stage.birthday, contact.birthday)")
        differences.append("stage.birthday <> coalesce(contact.birthday, '-infinity')")
    if "extra" in set(columns):
        settings.append("extra = contact.extra || coalesce(stage.extra, '{}')")
        differences.append("contact.extra || stage.extra <> contact.extra")
    if not settings:
        return set()
    statement = UPDATE_KNOWN.format(
        settings=", ".join(settings), differences=" OR ".join(differences)
    )
    return {line for (line,) in sql.fetch_all(statement, turn=turn, now=now)}


def announce_updated(lines: Iterable[int], *, now: datetime) -> None:
    """Tell who listens that the contacts of these lines have changed."""
    changed = sorted(set(lines))
    if changed and facts.CONTACT_UPDATED in facts.audience():
        facts.announce_many(UPDATED, lines=changed, now=now)


def crossed_lines() -> Iterator[tuple[int, str]]:
    """Yield (line, warning) for the rows whose identifiers name two contacts."""
    for row in sql.fetch_all("SELECT line FROM contacts_found WHERE is_crossed ORDER BY line"):
        yield row[0], TWO_CONTACTS


def save_people(*, registry: Registry, now: datetime) -> tuple[int, int, list[int]]:
    """
    Find, create or update the people of a registry.

    Their contacts stand in `contacts_found`, by line, until the next batch. Returns how
    many were created, how many changed, and the lines with identifiers of two contacts.

    :raises ConcurrentChangeError: if somebody else created one meanwhile.
    """
    prepare()
    if not registry.people:  # every row was rejected
        return 0, 0, []
    stage_people(registry.people.values())
    turns = resolve(identifiers=sorted(registry.columns))
    created = create_missing(now=now)
    updated = [
        line
        for turn in range(1, turns + 1)
        for line in update_known(columns=registry.columns, turn=turn, now=now)
    ]
    announce_updated(updated, now=now)
    crossed = {line for line, _ in crossed_lines()} | set(registry.crossed)
    return created, len(updated), sorted(crossed)
