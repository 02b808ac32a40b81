"""
Codes for a coupon pool: from a file or a pasted text, in chunks, by the machinery of imports.

A line is a code, perhaps with its last day; a static code has its first and last day of being
handed out. A line that cannot be taken is a reject with its reason; the others are taken.
"""

import io
import re
import tempfile
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

from django.core.files import File

from accounts.actions import InvalidValueError, record
from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts.identity import read_date
from contacts.imports.faults import ImportFaultError, RowFaultError
from contacts.imports.reading import Layout, normalised, sniff
from contacts.models import Import
from contacts.models.imports import ImportKind, ImportStatus
from messaging.actions.coupons import By, checked_code, local_today
from messaging.models import CouponCode, CouponPool
from messaging.models.coupon import PoolKind

MOST_STATIC = 5_000
# How headers say it, letters only.
HEADINGS: Mapping[str, str] = {
    **dict.fromkeys(
        ("code", "codes", "coupon", "coupons", "couponcode", "promocode", "discountcode"), "code"
    ),
    **dict.fromkeys(
        ("expires", "expireson", "expiry", "expirydate", "expiration", "expirationdate"), "expires"
    ),
    **dict.fromkeys(("starts", "startson", "start", "startdate"), "starts"),
    **dict.fromkeys(("ends", "endson", "end", "enddate"), "ends"),
}
ORDER = {
    PoolKind.UNIQUE.value: ("code", "expires"),
    PoolKind.STATIC.value: ("code", "starts", "ends"),
}

KNOWN = "The pool has this code already."

ADD = """
INSERT INTO messaging_couponcode (pool_id, code, expires_on, starts_on, ends_on, step_key)
SELECT %(pool_id)s, given.code, given.expires_on, given.starts_on, given.ends_on, ''
FROM unnest(%(codes)s::text[], %(expires)s::date[], %(starts)s::date[], %(ends)s::date[])
    WITH ORDINALITY AS given (code, expires_on, starts_on, ends_on, place)
ORDER BY given.place
ON CONFLICT (account_id, pool_id, code) DO NOTHING
RETURNING code
"""
Reject = Callable[[int, RowFaultError, Sequence[str]], None]


@dataclass(frozen=True)
class Code:
    """A code as a line gives it, and the line."""

    line: int
    cells: Sequence[str]
    code: str
    expires_on: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None


def import_codes(
    *,
    pool: CouponPool,
    file: "bytes | BinaryIO | File[Any]",
    file_name: str,
    now: datetime,
    by: By = None,
) -> Import:
    """
    Keep a file of codes and queue it; its import says how far it is and what was rejected.

    :raises ImportFaultError: for a file that cannot be read at all.
    """
    source: Any = io.BytesIO(file) if isinstance(file, bytes) else file
    source.seek(0)
    with tempfile.TemporaryFile() as copy:
        encoding = normalised(source, copy)
        layout = _layout(copy, encoding)
        imported = Import(
            kind=ImportKind.COUPONS,
            file_name=file_name.replace("\0", "").strip()[-255:] or "codes.csv",
            size=copy.seek(0, 2),
            mapping={
                "encoding": layout.encoding,
                "delimiter": layout.delimiter,
                "qualifier": layout.qualifier,
                "has_header": layout.has_header,
                "start": layout.start,
                "header": list(layout.header),
            },
            options={"pool_id": pool.pk},
            status=ImportStatus.READY,
            created_by=by if not hasattr(by, "client_id") else None,
            created_at=now,
            started_at=now,
        )
        imported.file.save("coupons.csv", File(copy), save=False)
    imported.save()
    record(verb="added codes", noun="coupon_pool", object_id=pool.pk, now=now, by=by)
    wake("import")
    return imported


def _layout(copy: Any, encoding: str) -> Layout:
    """Find out how the file is written; a code looks like a column's name, so names are known."""
    layout = sniff(copy, encoding=encoding, has_header=False)
    first = layout.samples[0] if layout.samples else ()
    if "code" in _columns(first):
        return sniff(copy, encoding=encoding, delimiter=layout.delimiter, has_header=True)
    return layout


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns that a header names, the first of each."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        meaning = HEADINGS.get(re.sub(r"[^a-z]", "", name.lower()))
        if meaning is not None:
            found.setdefault(meaning, place)
    return found


def take_codes(
    imported: Import, records: Iterator[tuple[int, list[str]]], reject: Reject, now: datetime
) -> dict[str, int]:
    """
    Add a chunk of a file's codes; return the counters.

    :raises ImportFaultError: where the pool is gone.
    """
    pool = CouponPool.objects.filter(pk=imported.options.get("pool_id")).first()
    if pool is None:
        raise ImportFaultError("The coupon pool is gone.")
    added = add_codes(
        pool=pool,
        records=records,
        header=imported.mapping.get("header", ()),
        reject=reject,
        now=now,
    )
    return {"created": added}


def add_codes(
    *,
    pool: CouponPool,
    records: Iterator[tuple[int, list[str]]],
    reject: Reject,
    now: datetime,
    header: Sequence[str] = (),
) -> int:
    """
    Add codes to a pool; return how many. What cannot be taken goes to `reject`.

    `records` are (line, cells); without a header they are code and last day, of a static
    pool code, first and last day. Takes as much memory as the records do.
    """
    taken = _read_all(pool, records, _columns(header), reject, local_today(now))
    if not taken:
        return 0
    new = _insert(pool, list(taken.values()))
    for code in taken.values():
        if code.code not in new:
            reject(code.line, RowFaultError("duplicate", KNOWN), code.cells)
    if new:
        CouponPool.objects.filter(pk=pool.pk).update(alerted_at=None, modified_at=now)
    return len(new)


def _read_all(
    pool: CouponPool,
    records: Iterator[tuple[int, list[str]]],
    columns: Mapping[str, int],
    reject: Reject,
    today: date,
) -> dict[str, Code]:
    """Return the codes that can be taken, as far as the records tell, each once."""
    taken: dict[str, Code] = {}
    dates = _Dates(pool) if pool.kind == PoolKind.STATIC else None
    for line, cells in records:
        try:
            code = _read(line, cells, columns, pool.kind, today)
            if code.code in taken:
                first = taken[code.code].line
                raise RowFaultError("duplicate", f"The code stands in line {first} already.")
            if dates is not None:
                dates.take(code)
        except RowFaultError as fault:
            reject(line, fault, cells)
        else:
            taken[code.code] = code
    return taken


def _insert(pool: CouponPool, codes: Sequence[Code]) -> set[str]:
    rows = sql.fetch_all(
        ADD,
        pool_id=pool.pk,
        codes=[code.code for code in codes],
        expires=[code.expires_on for code in codes],
        starts=[code.starts_on for code in codes],
        ends=[code.ends_on for code in codes],
    )
    return {row[0] for row in rows}


def _read(line: int, cells: list[str], columns: Mapping[str, int], kind: str, today: date) -> Code:
    named = _named(cells, columns, kind)
    try:
        code = checked_code(named.get("code", ""))
    except InvalidValueError as bad:
        raise RowFaultError("code", bad.message) from bad
    if kind == PoolKind.UNIQUE:
        expires = _day(named.get("expires", ""), "The last day")
        if expires is not None and expires < today:
            raise RowFaultError("expired", f"The code has expired on {expires}.")
        return Code(line, cells, code, expires_on=expires)
    starts = _day(named.get("starts", ""), "The first day")
    ends = _day(named.get("ends", ""), "The last day")
    return Code(line, cells, code, starts_on=starts, ends_on=ends)


def _named(cells: list[str], columns: Mapping[str, int], kind: str) -> dict[str, str]:
    """Return the cells by what they mean; a header says it, else their order."""
    if columns:
        return {name: cells[place] for name, place in columns.items() if place < len(cells)}
    order = ORDER[kind]
    if any(cell.strip() for cell in cells[len(order) :]):
        raise RowFaultError("columns", f"The line has more columns than {', '.join(order)}.")
    return dict(zip(order, cells, strict=False))


def _day(text: str, what: str) -> date | None:
    if not text.strip():
        return None
    try:
        return read_date(text)
    except InvalidValueError as bad:
        raise RowFaultError("date", f"{what}: {bad.message}") from bad


class _Dates:
    """The dates that a static pool's codes take up: no two on one day."""

    def __init__(self, pool: CouponPool) -> None:
        # Locked: two files at once must not both find a day free.
        CouponPool.objects.select_for_update(of=("self",)).get(pk=pool.pk)
        codes = CouponCode.objects.filter(pool=pool)
        rows = codes.values_list("starts_on", "ends_on", "code")
        self._taken = sorted((first, last, code) for first, last, code in rows if first and last)
        self._codes = {code for _, _, code in self._taken}

    def take(self, code: Code) -> None:
        """
        Take up a code's dates.

        :raises RowFaultError: for no or wrong dates, or days that another code has.
        """
        first, last = code.starts_on, code.ends_on
        if first is None or last is None:
            raise RowFaultError("dates", "A static code needs its first and its last day.")
        if last < first:
            raise RowFaultError("dates", f"The last day, {last}, is before the first, {first}.")
        if code.code in self._codes:
            raise RowFaultError("duplicate", KNOWN)
        if len(self._taken) >= MOST_STATIC:
            raise RowFaultError("many", f"A pool has at most {MOST_STATIC} static codes.")
        entry = (first, last, code.code)
        place = bisect_left(self._taken, entry)
        for starts, ends, other in self._taken[max(0, place - 1) : place + 1]:
            if starts <= last and first <= ends:
                raise RowFaultError(
                    "dates", f"The code {other} is handed out from {starts} to {ends} already."
                )
        insort(self._taken, entry)
        self._codes.add(code.code)
