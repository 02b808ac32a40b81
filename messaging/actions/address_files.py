"""
Files of addresses: those that are not to be written to, and numbers that a carrier gave up.

A line is an address, or a header names the column. A line that cannot be read is a reject
with its reason; the others are taken.
"""

import io
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from django.core.files import File

from accounts.actions import InvalidValueError, record
from accounts.tenancy.wake import wake
from contacts.identity import normalise_phone
from contacts.imports.faults import RowFaultError
from contacts.imports.reading import Layout, normalised, sniff
from contacts.models import Import
from contacts.models.imports import ImportKind, ImportStatus
from messaging.actions.phones import deactivate_phones
from messaging.actions.suppressions import By, read_address, suppress
from messaging.models import SuppressionReason
from messaging.models.message import Channel

# How headers call the column, letters only.
HEADINGS = {
    *("address", "email", "emailaddress", "mail", "recipient", "phone", "phonenumber"),
    *("number", "mobile", "mobilenumber", "msisdn", "deactivatednumber"),
}
KINDS = (ImportKind.SUPPRESSIONS.value, ImportKind.DEACTIVATIONS.value)
Reject = Callable[[int, RowFaultError, Sequence[str]], None]


def import_addresses(
    *,
    kind: str,
    file: "bytes | BinaryIO | File[Any]",
    file_name: str,
    now: datetime,
    region: str = "US",
    by: By = None,
) -> Import:
    """
    Keep a file of addresses and queue it; its import says how far it is and what was rejected.

    `kind` is `suppressions` (addresses of both channels) or `deactivations` (numbers; one
    without a country code is of `region`).

    :raises ImportFaultError: for a file that cannot be read at all.
    """
    source: Any = io.BytesIO(file) if isinstance(file, bytes) else file
    source.seek(0)
    with tempfile.TemporaryFile() as copy:
        encoding = normalised(source, copy)
        layout = _layout(copy, encoding)
        imported = Import(
            kind=kind,
            file_name=file_name.replace("\0", "").strip()[-255:] or "addresses.csv",
            size=copy.seek(0, 2),
            mapping={
                "encoding": layout.encoding,
                "delimiter": layout.delimiter,
                "qualifier": layout.qualifier,
                "has_header": layout.has_header,
                "start": layout.start,
                "header": list(layout.header),
            },
            options={"region": region},
            status=ImportStatus.READY,
            created_by=by if not hasattr(by, "client_id") else None,
            created_at=now,
            started_at=now,
        )
        imported.file.save("addresses.csv", File(copy), save=False)
    imported.save()
    record(verb="imported", noun=kind, object_id=imported.pk, now=now, by=by)
    wake("import")
    return imported


def _layout(copy: Any, encoding: str) -> Layout:
    layout = sniff(copy, encoding=encoding, has_header=False)
    first = layout.samples[0] if layout.samples else ()
    if any(_is_heading(cell) for cell in first):
        return sniff(copy, encoding=encoding, delimiter=layout.delimiter, has_header=True)
    return layout


def _is_heading(cell: str) -> bool:
    return re.sub(r"[^a-z]", "", cell.lower()) in HEADINGS


def _column(header: Sequence[str]) -> int:
    return next((place for place, cell in enumerate(header) if _is_heading(cell)), 0)


def take_addresses(
    imported: Import, records: Iterator[tuple[int, list[str]]], reject: Reject, now: datetime
) -> dict[str, int]:
    """Suppress a chunk of a file's addresses; return the counters."""
    found: Mapping[str, list[str]] = {channel: [] for channel in Channel.values}
    for channel, address in _read_all(imported, records, reject, read_address):
        found[channel].append(address)
    source = imported.file_name
    added = sum(
        suppress(
            channel=channel,
            addresses=addresses,
            reason=SuppressionReason.IMPORT,
            source=source,
            now=now,
            by=imported.created_by,
        )
        for channel, addresses in found.items()
    )
    known = sum(len(set(addresses)) for addresses in found.values()) - added
    return {"created": added, "unchanged": known}


def take_deactivations(
    imported: Import, records: Iterator[tuple[int, list[str]]], reject: Reject, now: datetime
) -> dict[str, int]:
    """Opt a chunk of a file's numbers out of every phone list; return the counters."""

    def read_number(written: str, *, region: str) -> str:
        return normalise_phone(written, region)

    numbers = [*_read_all(imported, records, reject, read_number)]
    return {"unsubscribed": deactivate_phones(phones=numbers, now=now)}


def _read_all(
    imported: Import,
    records: Iterator[tuple[int, list[str]]],
    reject: Reject,
    read: Callable[..., Any],
) -> Iterator[Any]:
    """Yield what can be read; reject the rest."""
    place = _column(imported.mapping.get("header", ()) if imported.mapping["has_header"] else ())
    region = str(imported.options.get("region") or "US")
    for line, cells in records:
        written = cells[place] if place < len(cells) else ""
        try:
            if not written.strip():
                raise RowFaultError("address", "There is no address in the line.")
            yield read(written.strip(), region=region)
        except InvalidValueError as bad:
            reject(line, RowFaultError(bad.field, bad.message), cells)
        except RowFaultError as fault:
            reject(line, fault, cells)
