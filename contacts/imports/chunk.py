"""
One chunk of a contact file, stored: people, subscriptions, profiles, events, facts.

Every statement runs once over the whole stage; those that change rows leave alone what
would not change, so that the same file again writes nothing but its events.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from contacts.actions import crowd, facts, happenings
from contacts.actions.people import TWO_CONTACTS
from contacts.actions.suppressed import suppressed_among
from contacts.identity import EMAIL_KEY_SQL
from contacts.imports import statements
from contacts.imports.columns import column_targets
from contacts.imports.rows import Encoder, Row, RowReader
from contacts.values import TEXT_TYPES

METHOD = "Import"
BUFFERED = 1 << 16
REMOVE, UPDATE = "RemoveSubscribers", "UpdateSubscribers"
IMPORT_TYPES = ("AddSubscribers", "AddSubscribersAndSegmentationData", REMOVE, UPDATE)
SUPPRESSED = "suppressed"
KEPT_OFF = "The address is suppressed; nobody is put on a list with it."
# What a mapped target brings to the person.
BRINGS = {
    "email": "email_norm",
    "phone": "phone_e164",
    "customer_number": "external_id",
    "external_id": "external_contact_id",
    "event": "event_ids",
}

# (line, code, reason, the line itself, cut)
Remark = tuple[int, str, str, str]


@dataclass
class Tally:
    """What became of a chunk; the names are those of `Import.counts`."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    subscribed: int = 0
    already_subscribed: int = 0
    previously_unsubscribed: int = 0
    already_unsubscribed: int = 0
    unsubscribed: int = 0
    skipped: int = 0
    suppressed: int = 0
    events: int = 0
    # Later rows of somebody whose first row stands among the rejects.
    further_rejects: int = 0
    rejects: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """How a file's rows are taken: what is mapped and what was chosen."""

    list_id: int
    reader: RowReader
    import_type: str
    update_type: str
    start_conversations: bool
    include_unsubscribed: bool
    options: Mapping[str, Any]

    @property
    def roles(self) -> tuple[str, ...]:
        """Whom the import tells what it changes; its events are told to all."""
        return facts.ROLES if self.start_conversations else facts.QUIET

    @property
    def adds(self) -> bool:
        """Whether unknown people are put on the list."""
        return self.import_type.startswith("Add")

    @property
    def with_profile(self) -> bool:
        """Whether profile values are taken."""
        return self.import_type not in {"AddSubscribers", REMOVE}

    @property
    def states(self) -> list[str]:
        """The states of subscriptions whose profile is changed."""
        if self.import_type == UPDATE and self.include_unsubscribed:
            return ["Subscribed", "Pending", "Unsubscribed"]
        return ["Subscribed", "Pending"]


def store_chunk(*, plan: Plan, rows: Iterable[Row], now: datetime) -> Tally:
    """
    Store the rows of a chunk; they may be streamed.

    :raises ConcurrentChangeError: if somebody else wrote the same people meanwhile.
    """
    tally = Tally()
    again = _store_batch(plan, _Stage(plan.reader), rows, now, tally)
    if again:
        _store_batch(plan, _Stage(plan.reader, is_second=True), again, now, tally)
    return tally


def _store_batch(
    plan: Plan, batch: "_Stage", rows: Iterable[Row], now: datetime, tally: Tally
) -> list[Row]:
    """Store one row per person; return the later rows of the same people, merged."""
    crowd.prepare()
    batch.copy(rows)
    heard = facts.audience(list_id=plan.list_id, roles=plan.roles)
    turns = crowd.resolve(
        identifiers=sorted(batch.columns),
        list_id=plan.list_id,
        keep_profile=facts.PROFILE_UPDATED in heard,
        mixed=not batch.all_have_addresses,
    )
    if plan.adds:
        _reject_without_address(batch, tally)
        _reject_suppressed(plan, tally)
        crowd.create_missing(now=now)
    else:
        tally.skipped += int(sql.fetch_value(statements.LEAVE_OUT))
    crossed = {line for line, _ in crowd.crossed_lines()} | batch.crossed
    tally.warnings += [(line, "two_contacts", TWO_CONTACTS, "") for line in sorted(crossed)]
    _write(plan, batch, turns, now, tally)
    for target in plan.reader.other_targets:
        word, _, argument = target.partition(":")
        column_targets()[word].store(argument=argument, key=target, options=plan.options, now=now)
    _tell(plan, batch, heard, now, tally)
    return list(batch.again.values())


class _Stage:
    """Copies rows into the stage and notes what they bring."""

    def __init__(self, reader: RowReader, *, is_second: bool = False) -> None:
        self.is_second = is_second
        self.columns = {BRINGS.get(target, target) for target in reader.targets}
        if "email" in reader.targets:
            self.columns.add("email")
        if reader.other_targets:
            self.columns |= {"phone_e164", "others"}
        if self.columns & {"external_id", "phone_e164"}:
            self.columns.add("raw")  # of rows without an address, which may be rejected
        self.crossed: set[int] = set()
        # The lines whose people changed, and those that took somebody off the list.
        self.changed_people: set[int] = set()
        self.left: set[int] = set()
        self.again: dict[str, Row] = {}
        self.has_events = False
        self.all_have_addresses = True
        self._reader = reader
        self._claims = crowd.Claims()
        self._shares = bool(self.columns & {"external_id", "phone_e164"})
        self._seen: set[str] = set()
        self._encoder = Encoder(self.columns | ({"row_count"} if is_second else set()))

    def copy(self, rows: Iterable[Row]) -> None:
        """Stream the first row of each person; keep the later ones, merged."""
        buffer: list[str] = []
        size = 0
        encode = self._encoder.encode
        with sql.copy_into(f"COPY contacts_stage ({self._encoder.columns}) FROM STDIN") as copy:
            for row in rows:
                if not self._take(row):
                    continue
                text = encode(row)
                buffer.append(text)
                size += len(text)
                if size > BUFFERED:
                    copy.write("".join(buffer))
                    buffer.clear()
                    size = 0
            copy.write("".join(buffer))
        crowd.settle("contacts_stage", len(self._seen))

    def _take(self, row: Row) -> bool:
        identity = row.identity
        if identity in self._seen:
            earlier = self.again.setdefault(identity, row)
            if earlier is not row:
                self._reader.merge(earlier, row)
            return False
        self._seen.add(identity)
        if self._shares and self._claims.take(row):
            self.crossed.add(row.line)
        if not row.email_norm:
            self.all_have_addresses = False
        if row.event_ids:
            self.has_events = True
        return True


def _reject_without_address(batch: _Stage, tally: Tally) -> None:
    if batch.all_have_addresses:
        return
    rows = sql.fetch_all(statements.WITHOUT_ADDRESS)
    reason = "No email address, and no known contact that has one."
    tally.rejects += [(line, "no_email", reason, raw) for line, raw in rows]
    sql.execute(statements.FORGET, lines=[line for line, _ in rows])


def _reject_suppressed(plan: Plan, tally: Tally) -> None:
    """Put nobody on the list whose address is suppressed; who stands on it is only updated."""
    known = suppressed_among(list_id=plan.list_id, rows=statements.NEWCOMERS)
    if not known:
        return
    for line, address, count in sql.fetch_all(statements.KEEP_OFF, lines=sorted(known)):
        # Of who was forgotten the address is not kept again.
        tally.rejects.append((line, SUPPRESSED, KEPT_OFF, address if known.get(line) else ""))
        tally.further_rejects += count - 1
        tally.suppressed += count


def _write(plan: Plan, batch: _Stage, turns: int, now: datetime, tally: Tally) -> None:
    """Change people and subscriptions, and count what became of the rows."""
    changed: set[int] = set()
    created = 0
    if plan.adds:
        created = _subscribe(plan, batch, now)
        if created:
            sql.execute(statements.BRING_WAITING, list_id=plan.list_id, now=now)
        sql.execute(statements.MEET)
    if plan.import_type == REMOVE:
        _count(plan, tally, created)
        rows = sql.fetch_all(statements.UNSUBSCRIBE, now=now, method=METHOD)
        changed = batch.left = {line for (line,) in rows}
    else:
        for turn in range(1, turns + 1):
            batch.changed_people |= crowd.update_known(columns=batch.columns, turn=turn, now=now)
            changed |= _update(plan, turn, now)
            if plan.import_type == UPDATE and plan.options.get("short_code_id"):
                _update_unlisted(turn, now, tally)
        changed |= batch.changed_people
        _count(plan, tally, created)
    if created and changed:
        changed -= {line for (line,) in sql.fetch_all(statements.CREATED_LINES)}
    tally.updated += len(changed)
    tally.unchanged -= len(changed)


def _subscribe(plan: Plan, batch: _Stage, now: datetime) -> int:
    """Put those on the list who are not; return how many."""
    address, contact = (
        statements.ADDRESS_OF_ROW if batch.all_have_addresses else statements.ADDRESS_OF_CONTACT
    )
    expected = int(
        sql.fetch_value(
            statements.COUNT_NEW.format(address=address, contact=contact),
        )
    )
    statement = statements.SUBSCRIBE.format(
        address=address,
        contact=contact,
        email_key=EMAIL_KEY_SQL.format(list_id="%(list_id)s", email_norm=address),
        profile="stage.profile" if plan.with_profile else "'{}'::jsonb",
    )
    if expected:
        made = sql.execute(statement, list_id=plan.list_id, now=now, method=METHOD)
        if made != expected:
            raise crowd.ConcurrentChangeError
    return expected


def _update(plan: Plan, turn: int, now: datetime) -> set[int]:
    """Change the profiles of a turn's rows; return the lines that changed something."""
    texts = [key for key, field in plan.reader.fields.items() if field.data_type in TEXT_TYPES]
    limits = {
        key: field.max_length for key, field in plan.reader.fields.items() if field.max_length
    }
    profile = statements.PROFILES[plan.update_type] if plan.with_profile else "subscription.profile"
    statement = statements.UPDATE.format(
        profile=profile, external_contact_id=statements.EXTERNAL_CONTACT_ID
    )
    rows = sql.fetch_all(
        statement,
        now=now,
        turn=turn,
        states=plan.states,
        text_keys=texts,
        limits=json.dumps(limits),
    )
    return {line for (line,) in rows}


def _update_unlisted(turn: int, now: datetime, tally: Tally) -> None:
    """Keep the values of those who are not on the list; of strangers, they would count as skipped."""
    rows = sql.fetch_all(statements.UPDATE_UNLISTED, turn=turn, now=now)
    taken = sum(row_count for (row_count,) in rows)
    tally.skipped -= taken
    tally.updated += len(rows)
    tally.unchanged += taken - len(rows)


def _count(plan: Plan, tally: Tally, created: int) -> None:
    """Count the rows by how their people stood on the list before."""
    row = sql.fetch_one(statements.COUNT)
    left, stood, strangers = row or (0, 0, 0)
    if plan.import_type == REMOVE:
        tally.already_unsubscribed += left
        tally.unsubscribed += stood
    else:
        tally.previously_unsubscribed += left
        tally.already_subscribed += stood
    accepted = left + stood
    if plan.adds:
        accepted += strangers
        tally.subscribed += created
    else:
        tally.skipped += strangers
    tally.created += created
    tally.unchanged += accepted - created


def _tell(plan: Plan, batch: _Stage, heard: set[str], now: datetime, tally: Tally) -> None:
    """Tell who listens what has changed, and raise the rows' events."""
    crowd.announce_updated(batch.changed_people, now=now)
    told = sql.fetch_all(statements.TOLD, now=now) if batch.is_second and heard else []
    for kind, condition in statements.FACTS.items():
        if kind in heard:
            _announce(plan, batch, kind, condition, now, [contact for (contact,) in told])
    for kind in (happenings.SUBSCRIBED, happenings.UNSUBSCRIBED):
        happenings.note_facts(
            [kind],
            statements.FACT_ROWS.format(
                source="", properties="'{}'::jsonb", condition=statements.FACTS[kind]
            ),
            **_of_facts(plan, batch, kind, now),
        )
    if batch.has_events:
        tally.events += _raise(plan, now)


def _of_facts(plan: Plan, batch: _Stage, kind: str, now: datetime) -> dict[str, Any]:
    """Return the parameters of FACT_ROWS."""
    return {
        "list_id": plan.list_id,
        "kind": kind,
        "now": now,
        "method": METHOD,
        "left": sorted(batch.left),
    }


def _announce(
    plan: Plan, batch: _Stage, kind: str, condition: str, now: datetime, told: Sequence[int]
) -> None:
    source, properties = "", "'{}'::jsonb"
    if kind == facts.IMPORTED:
        source = statements.EACH_ROW
    if kind == facts.PROFILE_UPDATED:
        source = statements.CHANGED_FIELDS
        properties = "jsonb_build_object('fields', fields.changed)"
    facts.queue(
        statements.FACT_ROWS.format(source=source, properties=properties, condition=condition),
        same_list=facts.ONE_LIST,
        roles=plan.roles,
        told=list(told),
        **_of_facts(plan, batch, kind, now),
    )


def _raise(plan: Plan, now: datetime) -> int:
    """Raise the rows' events, whoever is to start; return how many."""
    if facts.EXTERNAL_EVENT not in facts.audience(list_id=plan.list_id):
        return sql.execute(statements.RAISED, list_id=plan.list_id, now=now)
    _, raised = facts.queue(
        statements.RAISED_FACTS,
        same_list=facts.ONE_LIST,
        given=statements.RAISED_AND_HEARD,
        returning="(SELECT count(*) FROM raised)",
        list_id=plan.list_id,
        now=now,
    )
    return int(raised)
