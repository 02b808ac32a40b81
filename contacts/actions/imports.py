"""
Imports: hand in a file, say what its columns are, start it, read what became of it.

`create_import` keeps the file and guesses; `set_mapping` corrects; `start_import` checks
everything and queues it; `run_import` takes it chunk by chunk (tasks and commands).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from django.core.files import File

from accounts.actions import record
from accounts.models import ApiClient, List, User
from accounts.tenancy.wake import wake
from contacts.actions.profile import read_update_type
from contacts.imports.chunk import IMPORT_TYPES
from contacts.imports.columns import (
    check_columns,
    column_targets,
    guess_columns,
    read_target,
    target_choices,
)
from contacts.imports.faults import ImportFaultError
from contacts.imports.reading import Layout, known_encoding, normalised, sniff
from contacts.imports.rejects import rejects_csv
from contacts.imports.running import layout_of, run_import
from contacts.models import Import
from contacts.models.imports import ImportKind, ImportStatus

__all__ = [
    "IMPORT_TYPES",
    "ImportFaultError",
    "create_import",
    "guess_mapping",
    "map_headers",
    "progress",
    "read_import_again",
    "rejects_csv",
    "run_import",
    "set_mapping",
    "start_import",
    "target_choices",
]

FLAGS = ("start_conversations", "include_unsubscribed", "consent_confirmed")
TEXTS = {"consent_source": 120, "consent_text": 5000, "region": 2}
SAMPLES_KEPT = 5
LONGEST_SAMPLE = 200
Actor = User | ApiClient | None


def create_import(
    *,
    kind: str,
    list: List | None,
    file_name: str,
    file: "bytes | BinaryIO | File[Any]",
    now: datetime,
    mapping: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    by: Actor = None,
) -> Import:
    """
    Keep a file of `contacts` or `orders`; it is not started.

    `mapping` may give `encoding`, `delimiter`, `qualifier`, `has_header` and `columns`
    (`[{"column": 0, "target": "email", "default": ""}]`, columns from 0); what it leaves
    out is found out from the file. `options`: `import_type`, `update_type`,
    `start_conversations`, `include_unsubscribed`, `region` (of phones without a country
    code), `consent_source`, `consent_text`, `consent_confirmed`.

    :raises ImportFaultError: for a file that cannot be read at all, a header that names a
        column twice, a bad mapping or option; nothing is kept.
    """
    given = dict(mapping or {})
    if kind not in ImportKind.values:
        raise ImportFaultError(f"{kind!r} is nothing to import.", field="kind")
    checked = read_options(options or {})
    with tempfile.TemporaryFile() as copy:
        layout = _layout(_open(file), copy, given)
        columns = given.get("columns")
        if columns is None:
            columns = guess_columns(
                kind=kind, list=list, header=layout.header, samples=layout.samples
            )
        else:
            check_columns(kind=kind, list=list, columns=columns, width=layout.width)
        imported = Import(
            kind=kind,
            list=list,
            file_name=file_name.replace("\0", "").strip()[-255:] or "import.csv",
            size=copy.seek(0, 2),
            mapping=_mapping(layout, columns),
            options=checked,
            created_by=by if isinstance(by, User) else None,
            created_at=now,
        )
        imported.file.save(f"{kind}.csv", File(copy), save=False)
    imported.save()
    record(verb="uploaded", noun="import", object_id=imported.pk, now=now, by=by)
    return imported


def guess_mapping(imported: Import) -> list[dict[str, Any]]:
    """Return the columns that the file's header suggests."""
    layout = layout_of(imported)
    return guess_columns(
        kind=imported.kind, list=imported.list, header=layout.header, samples=layout.samples
    )


def read_import_again(
    *,
    imported: Import,
    now: datetime,
    encoding: str | None = None,
    delimiter: str | None = None,
    qualifier: str | None = None,
    has_header: bool | None = None,
    by: Actor = None,
) -> Import:
    """
    Read a file anew in another way and guess its columns; None leaves as it is.

    :raises ImportFaultError: for what cannot be, or once the import was started.
    """
    _check_waiting(imported)
    was = layout_of(imported)
    with imported.file.open("rb") as file:
        read = sniff(
            file.file,
            encoding=known_encoding(encoding) if encoding else was.encoding,
            delimiter=delimiter or was.delimiter,
            qualifier=was.qualifier if qualifier is None else qualifier,
            has_header=was.has_header if has_header is None else has_header,
        )
    columns = guess_columns(
        kind=imported.kind, list=imported.list, header=read.header, samples=read.samples
    )
    imported.mapping = _mapping(read, columns)
    imported.save(update_fields=["mapping"])
    record(verb="read", noun="import", object_id=imported.pk, now=now, by=by)
    return imported


def set_mapping(
    *,
    imported: Import,
    columns: Sequence[Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Import:
    """
    Correct columns or options of an import that has not been started.

    :raises ImportFaultError: for what cannot be, or once the import was started.
    """
    _check_waiting(imported)
    if columns is not None:
        width = layout_of(imported).width
        check_columns(kind=imported.kind, list=imported.list, columns=columns, width=width)
        imported.mapping = {**imported.mapping, "columns": [dict(column) for column in columns]}
    if options is not None:
        imported.options = {**imported.options, **read_options(options)}
    imported.save(update_fields=["mapping", "options"])
    return imported


def map_headers(*, imported: Import, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """
    Return the guessed columns with those of `named` ({header: target}) put right.

    A header is a name of the first line or a column's number, from 1; the target `ignore`
    leaves a column out, others are words, `Group.Field` or a package's own words.

    :raises ImportFaultError: for a header that the file has not, or an unknown target.
    """
    layout = layout_of(imported)
    names = {name.lower(): number for number, name in enumerate(layout.header)}
    names |= {
        str(number + 1): number for number in range(layout.width) if str(number + 1) not in names
    }
    columns = {column["column"]: dict(column) for column in guess_mapping(imported)}
    for header, target in named.items():
        number = names.get(header.strip().lower())
        if number is None:
            raise ImportFaultError(f"The file has no column named {header!r}.", field="mapping")
        columns.pop(number, None)
        if target.strip().lower() == "ignore":
            continue
        meant = read_target(kind=imported.kind, list=imported.list, text=target)
        columns = {other: column for other, column in columns.items() if column["target"] != meant}
        columns[number] = {"column": number, "target": meant}
    return [columns[number] for number in sorted(columns)]


def start_import(
    *,
    imported: Import,
    now: datetime,
    columns: Sequence[Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    by: Actor = None,
) -> Import:
    """
    Check mapping and options (the given ones, else those kept) and queue the import.

    :raises ImportFaultError: for a missing column or option, or if it was started before.
    """
    set_mapping(imported=imported, columns=columns, options=options)
    check_ready(imported)
    imported.status = ImportStatus.READY
    imported.started_at = now
    imported.save(update_fields=["status", "started_at"])
    record(verb="started", noun="import", object_id=imported.pk, now=now, by=by)
    wake("import")
    return imported


def check_ready(imported: Import) -> None:
    """
    Refuse an import whose columns name nobody, or lack what they demand.

    :raises ImportFaultError: with a sentence.
    """
    columns = imported.mapping.get("columns", [])
    check_columns(
        kind=imported.kind, list=imported.list, columns=columns, width=layout_of(imported).width
    )
    for column in columns:
        word, _, argument = str(column["target"]).partition(":")
        target = column_targets().get(word)
        if target is not None and imported.list is not None:
            target.reader(imported.list, argument, imported.options)


def _check_waiting(imported: Import) -> None:
    if imported.status != ImportStatus.UPLOADED:
        raise ImportFaultError("The import has been started already.", field="status")


def progress(imported: Import) -> float:
    """Return how much of the file has been taken, 0.0 to 1.0."""
    if imported.status == ImportStatus.COMPLETED:
        return 1.0
    return min(imported.position / imported.size, 1.0) if imported.size else 0.0


def read_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return checked options.

    :raises ImportFaultError: for an unknown option or type.
    """
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name in FLAGS:
            checked[name] = bool(value)
        elif name in TEXTS:
            checked[name] = _short(name, value)
        elif name == "import_type":
            checked[name] = _import_type(value)
        elif name == "update_type":
            checked[name] = read_update_type(value)
        else:
            raise ImportFaultError(f"An import has no option {name!r}.", field=name)
    return checked


def _short(name: str, value: Any) -> str:
    text = str(value or "").replace("\0", "").strip()
    if len(text) > TEXTS[name]:
        raise ImportFaultError(f"At most {TEXTS[name]} characters are taken.", field=name)
    return text


def _import_type(value: Any) -> str:
    for import_type in IMPORT_TYPES:
        if import_type.lower() == str(value).strip().lower():
            return import_type
    raise ImportFaultError(f"{value!r} is no type of import.", field="importType")


def _open(file: "bytes | BinaryIO | File[Any]") -> BinaryIO:
    if isinstance(file, bytes):
        opened: BinaryIO = tempfile.SpooledTemporaryFile()  # type: ignore[assignment]  # noqa: SIM115
        opened.write(file)
        opened.seek(0)
        return opened
    file.seek(0)
    return file  # type: ignore[return-value]


def _layout(source: BinaryIO, copy: BinaryIO, given: Mapping[str, Any]) -> Layout:
    encoding = normalised(source, copy, given.get("encoding"))
    return sniff(
        copy,
        encoding=encoding,
        delimiter=given.get("delimiter"),
        qualifier=given.get("qualifier"),
        has_header=given.get("has_header"),
    )


def _mapping(layout: Layout, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    samples: Iterator[Sequence[str]] = iter(layout.samples[:SAMPLES_KEPT])
    return {
        "encoding": layout.encoding,
        "delimiter": layout.delimiter,
        "qualifier": layout.qualifier,
        "has_header": layout.has_header,
        "start": layout.start,
        "header": [name[:LONGEST_SAMPLE] for name in layout.header],
        "samples": [[cell[:LONGEST_SAMPLE] for cell in row] for row in samples],
        "columns": [dict(column) for column in columns],
    }
