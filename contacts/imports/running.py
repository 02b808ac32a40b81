"""Taking a file chunk by chunk; each is one transaction, and any worker may do the next."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.utils import DatabaseError, IntegrityError, OperationalError

from accounts.models import Account
from accounts.tenancy import current_account_id, in_account, sql
from contacts.actions.crowd import ConcurrentChangeError
from contacts.imports import chunk as contact_chunk
from contacts.imports.columns import check_columns
from contacts.imports.faults import ImportFaultError, RowFaultError
from contacts.imports.order_chunk import OrderReader, store_orders
from contacts.imports.reading import Layout, Records
from contacts.imports.rows import Row, RowReader
from contacts.models import Import
from contacts.models.imports import ImportKind, ImportStatus

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 50_000
TRIES = 5
LONGEST_RAW = 500
REJECTS_AT_ONCE = 5_000
# Tables that an import may multiply; autovacuum would see to their statistics minutes later.
GROWN = {
    ImportKind.CONTACTS: ["contacts_contact", "contacts_subscription"],
    ImportKind.ORDERS: ["contacts_contact", "contacts_order", "contacts_orderitem"],
}
WORTH_STATISTICS = 5_000
UNEXPECTED = "Something went wrong on our side; the rows after line {line} were not taken."

INSERT_REJECTS = """
INSERT INTO contacts_importreject (imported_id, line, severity, code, reason, raw)
SELECT %(import_id)s, remark.line, %(severity)s, remark.code, remark.reason, remark.raw
FROM unnest(%(lines)s::bigint[], %(codes)s::text[], %(reasons)s::text[], %(raws)s::text[])
    AS remark (line, code, reason, raw)
ORDER BY remark.line
"""
Clock = Callable[[], datetime]
Reject = Callable[[int, RowFaultError, Sequence[str]], None]
Taker = Callable[[Import, Iterator[tuple[int, list[str]]], Reject, datetime], dict[str, int]]
# How the files of higher packages are taken, by their kind: they say so when apps are ready.
TAKERS: dict[str, Taker] = {}
Remark = tuple[int, str, str, str]


def run_import(
    import_id: int,
    now: datetime,
    *,
    account_id: int | None = None,
    clock: Clock | None = None,
    until: Callable[[], bool] | None = None,
    chunk_records: int = CHUNK_RECORDS,
) -> bool:
    """
    Take an import chunk by chunk until it has ended; return whether work is left.

    `clock` says the time of each chunk (default: `now` for all), `until` stops after a
    chunk. What another worker has in hand is left to it. Without `account_id` it is the
    account whose block is open.
    """
    account = current_account_id() if account_id is None else account_id
    if account is None:
        raise RuntimeError("An import runs inside an account.")
    while _run_chunk(account, import_id, clock() if clock else now, chunk_records):
        if until is not None and until():
            return True
    return False


def _run_chunk(account_id: int, import_id: int, now: datetime, records: int) -> bool:
    """Take one chunk; again where others came between; a file's fault ends the import."""
    for attempt in range(1, TRIES + 1):
        try:
            with in_account(account_id):
                return _take_chunk(import_id, now, records)
        except ImportFaultError as fault:
            return _fail(account_id, import_id, fault.message, now)
        except OperationalError:
            # A deadlock, or a database that went away: the import waits for the next task.
            if attempt == TRIES:
                raise
        except (ConcurrentChangeError, IntegrityError):
            logger.info("import %s: a chunk met concurrent changes", import_id, exc_info=True)
        except (DatabaseError, LookupError, TypeError, ValueError):
            logger.exception("import %s stopped", import_id)
            break
    return _fail(account_id, import_id, "", now)


def _fail(account_id: int, import_id: int, sentence: str, now: datetime) -> bool:
    with in_account(account_id):
        imported = Import.objects.select_for_update(of=("self",)).get(pk=import_id)
        imported.status = ImportStatus.FAILED
        imported.failure = sentence or UNEXPECTED.format(line=imported.line)
        imported.ended_at = now
        imported.save(update_fields=["status", "failure", "ended_at"])
    return False


def _take_chunk(import_id: int, now: datetime, records: int) -> bool:
    imported = (
        Import.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=import_id, status__in=[ImportStatus.READY, ImportStatus.PROCESSING])
        .first()
    )
    if imported is None:
        return False
    if imported.status == ImportStatus.READY:
        imported.started_at = imported.started_at or now
        imported.status = ImportStatus.PROCESSING
    with imported.file.open("rb") as file:
        layout = layout_of(imported)
        reader = Records(file.file, layout, imported.position or None, imported.line)
        taken = _Taken(imported)
        if layout.has_header and imported.line == 0:
            next(iter(reader), None)
        rows = _counted(reader, records, taken)
        counted = _take_rows(imported, layout, rows, taken, now)
        tables = GROWN.get(ImportKind(imported.kind))
        if tables and taken.count > max(WORTH_STATISTICS, imported.counts.get("processed", 0)):
            sql.execute("SELECT refresh_statistics(%(tables)s)", tables=tables)
        _save(imported, reader, taken, counted, now)
    return imported.status == ImportStatus.PROCESSING


def _take_rows(
    imported: Import,
    layout: Layout,
    rows: Iterator[tuple[int, list[str]]],
    taken: "_Taken",
    now: datetime,
) -> dict[str, int]:
    if imported.kind == ImportKind.CONTACTS:
        return _take_contacts(imported, layout, rows, taken, now)
    if imported.kind == ImportKind.ORDERS:
        return _take_orders(imported, layout, rows, taken, now)
    return TAKERS[imported.kind](imported, rows, taken.reject, now)


class _Taken:
    """The records of a chunk that were read, and those among them that could not be."""

    def __init__(self, imported: Import) -> None:
        self.import_id = imported.pk
        self.count = 0
        self.delimiter = str(imported.mapping.get("delimiter", ","))
        self.rejects: list[Remark] = []
        self.warnings: list[Remark] = []
        self.bad_addresses = 0
        self.rejected = 0

    def reject(self, line: int, fault: RowFaultError, cells: Sequence[str]) -> None:
        """Keep a record that was not taken."""
        self.add([(line, fault.code, fault.message, self.raw(cells))])

    def add(self, remarks: Sequence[Remark]) -> None:
        """Keep rejects; many are written at once."""
        self.rejected += len(remarks)
        self.bad_addresses += sum(1 for remark in remarks if remark[1] in BAD_ADDRESS)
        self.rejects += remarks

    def raw(self, cells: Sequence[str]) -> str:
        """Return a record as one line, cut."""
        return self.delimiter.join(cells)[:LONGEST_RAW].replace("\0", "")


BAD_ADDRESS = {"emailAddress", "no_email"}


def _counted(reader: Records, most: int, taken: _Taken) -> Iterator[tuple[int, list[str]]]:
    """Yield at most `most` records that can be read; keep the others as rejects."""
    for line, cells in islice(iter(reader), most):
        taken.count += 1
        if isinstance(cells, RowFaultError):
            taken.reject(line, cells, ())
        else:
            yield line, cells


def _take_contacts(
    imported: Import,
    layout: Layout,
    records: Iterator[tuple[int, list[str]]],
    taken: _Taken,
    now: datetime,
) -> dict[str, int]:
    plan = plan_of(imported, layout)

    def rows() -> Iterator[Row]:
        for line, cells in records:
            try:
                row = plan.reader.read(line, cells)
            except RowFaultError as fault:
                taken.reject(line, fault, cells)
                continue
            if not row.email_norm:
                row.raw = taken.raw(cells)
            yield row

    tally = contact_chunk.store_chunk(plan=plan, rows=rows(), now=now)
    taken.add(tally.rejects)
    taken.rejected += tally.further_rejects
    taken.warnings += tally.warnings
    return {
        name: getattr(tally, name)
        for name in (
            "created",
            "updated",
            "unchanged",
            "subscribed",
            "already_subscribed",
            "previously_unsubscribed",
            "already_unsubscribed",
            "unsubscribed",
            "skipped",
            "suppressed",
            "events",
        )
    }


def plan_of(imported: Import, layout: Layout) -> contact_chunk.Plan:
    """
    Return how the rows of a contact file are taken.

    :raises ImportFaultError: for a mapping or options that cannot be carried out.
    """
    options, columns = imported.options, imported.mapping.get("columns", [])
    if imported.list is None:
        raise ImportFaultError("A contact file is imported into a list.", field="list")
    check_columns(kind=imported.kind, list=imported.list, columns=columns, width=layout.width)
    return contact_chunk.Plan(
        list_id=imported.list.pk,
        reader=RowReader(
            list=imported.list,
            columns=columns,
            options=options,
            width=len(layout.header),
            header=layout.header,
        ),
        import_type=str(options.get("import_type") or contact_chunk.IMPORT_TYPES[1]),
        update_type=str(options.get("update_type") or "Update"),
        start_conversations=bool(options.get("start_conversations")),
        include_unsubscribed=bool(options.get("include_unsubscribed")),
        options=options,
    )


def _take_orders(
    imported: Import,
    layout: Layout,
    records: Iterator[tuple[int, list[str]]],
    taken: _Taken,
    now: datetime,
) -> dict[str, int]:
    columns = imported.mapping.get("columns", [])
    check_columns(kind=imported.kind, list=None, columns=columns, width=layout.width)
    reader = OrderReader(
        columns=columns,
        options=imported.options,
        zone=Account.objects.get().zone,
        width=len(layout.header),
    )
    tally = store_orders(
        reader=reader,
        records=((line, cells, taken.raw(cells)) for line, cells in records),
        now=now,
        import_id=imported.pk,
        start_conversations=bool(imported.options.get("start_conversations")),
    )
    taken.add(tally.rejects)
    taken.warnings += tally.warnings
    outcome = tally.outcome
    return {
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
    }


def layout_of(imported: Import) -> Layout:
    """Return how an import's file is written, from its mapping."""
    mapping: dict[str, Any] = imported.mapping
    return Layout(
        encoding=mapping.get("encoding", "utf-8"),
        delimiter=mapping.get("delimiter", ","),
        qualifier=mapping.get("qualifier", '"'),
        has_header=bool(mapping.get("has_header", True)),
        start=int(mapping.get("start", 0)),
        header=tuple(mapping.get("header", ())),
        samples=tuple(tuple(row) for row in mapping.get("samples", ())),
    )


def _save(
    imported: Import, reader: Records, taken: _Taken, counted: dict[str, int], now: datetime
) -> None:
    """Commit place, counters and rejects with the chunk."""
    counted |= {
        "processed": taken.count,
        "rejected": taken.rejected,
        "invalid_email": taken.bad_addresses,
        "warnings": len(taken.warnings),
    }
    counts = dict(imported.counts)
    for name, number in counted.items():
        counts[name] = counts.get(name, 0) + number
    write_remarks(imported.pk, "reject", taken.rejects)
    write_remarks(imported.pk, "warning", taken.warnings)
    imported.counts = counts
    imported.position, imported.line = reader.position, reader.line
    if reader.position >= imported.size:
        imported.status = ImportStatus.COMPLETED
        imported.ended_at = now
    imported.save(update_fields=["counts", "position", "line", "status", "started_at", "ended_at"])


def write_remarks(import_id: int, severity: str, remarks: Sequence[Remark]) -> None:
    """Store rejects or warnings, a few thousand at once."""
    for start in range(0, len(remarks), REJECTS_AT_ONCE):
        lines, codes, reasons, raws = zip(*remarks[start : start + REJECTS_AT_ONCE], strict=True)
        sql.execute(
            INSERT_REJECTS,
            import_id=import_id,
            severity=severity,
            lines=list(lines),
            codes=[code[:40] for code in codes],
            reasons=list(reasons),
            raws=[raw[:LONGEST_RAW] for raw in raws],
        )
