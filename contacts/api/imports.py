"""ListImport: a file of contacts for a list, as base64 within JSON."""

import base64
import binascii
import tempfile
from datetime import datetime
from typing import Any, BinaryIO

from django.db.models import QuerySet
from ninja import Query

from accounts.api import found_list
from accounts.wire import (
    Created,
    Frame,
    Id,
    InvalidParameterError,
    Page,
    PageQuery,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
    page_of,
)
from accounts.wire.bodies import FILES, LongText
from contacts.actions import imports as actions
from contacts.api.reading import read_end, read_time
from contacts.imports.columns import CONTACTS, TARGETS
from contacts.models import Import
from contacts.models.imports import ImportKind

imports = Frame("/email/v1", integration="email", tag="ListImport")

IMPORTS = "/List/{list_id}/ListImport"
LEVELS = ["Contact", "List"]
REPORTS = [*LEVELS, "Report"]
KINDS = (CONTACTS, ImportKind.CLEARINGS.value)
# What the verbs call the parts of the request.
NAMES = {
    "file": "fileStream",
    "encoding": "fileStream",
    "mapping": "fileMappings",
    "delimiter": "fileDelimiter",
    "qualifier": "textQualifier",
    "updateType": "segmentationImportType",
}
# The wire's column types; beyond them our own words are taken (Phone, FirstName ...).
SEGMENTATION_FIELD = "segmentationfield"
COLUMN_TYPES = {word.replace("_", ""): word for word in TARGETS[CONTACTS]} | {
    "externalcontactid": "external_id"
}


class ColumnIn(WireIn):
    """What a column of the file is; columns count from 0."""

    segmentation_field_id: int = 0
    default_value: str = ""
    file_column: int
    file_column_type: str


class ImportIn(WireIn):
    """A file of contacts."""

    file_delimiter: str = ","
    file_mappings: list[ColumnIn]
    file_name: str
    file_stream: LongText
    has_column_names: bool = False
    import_type: str
    segmentation_import_type: str = ""
    suppress_email_notifications: bool = False
    text_qualifier: str = ""
    trigger_journey: bool = False
    include_unsubscribed: bool = False


class ImportQuery(PageQuery):
    """Which imports to show."""

    start_date: str = ""
    end_date: str = ""


class ImportOut(WireOut):
    """An import in a list of them."""

    import_file_id: int
    import_file_name: str
    import_date: datetime


class ImportStatusOut(WireOut):
    """Where an import stands."""

    start_date: datetime | None
    end_date: datetime | None
    status: str


class ImportSummaryOut(WireOut):
    """What became of an import's rows."""

    already_subscribed_count: int = 0
    already_unsubscribed_count: int = 0
    banned_count: int = 0
    invalid_email_count: int = 0
    previously_unsubscribed_count: int = 0
    processed_count: int = 0
    skipped_count: int = 0
    subscribed_count: int = 0
    suppressed_count: int = 0
    unsubscribed_count: int = 0


def imports_of(list_id: int) -> "QuerySet[Import]":
    """Return the imports of contacts into a list, and the fields of it that were cleared."""
    return Import.objects.filter(list=found_list(list_id), kind__in=KINDS)


def import_out(row: Import) -> ImportOut:
    """Write an import as the wire has it."""
    return ImportOut(
        import_file_id=row.pk, import_file_name=row.file_name, import_date=row.created_at
    )


@imports.get(IMPORTS, answer=Page[ImportOut], levels=LEVELS)
def all_imports(request: WireRequest, list_id: Id, wanted: Query[ImportQuery]) -> Page[ImportOut]:
    """
    Return the imports of a list, by date if asked; both ends are inside.

    Those of its page are among them, and the clearings of profile fields (`DELETE .../Values`).
    """
    rows = imports_of(list_id)
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_end("endDate", wanted.end_date, request.zone)
    rows = rows.filter(created_at__gte=start) if start else rows
    rows = rows.filter(created_at__lte=end) if end else rows
    page = page_of(rows, wanted, request)
    return page.answer(ImportOut, (import_out(row) for row in page))


@imports.post(IMPORTS, levels=LEVELS, names=NAMES, reads=FILES)
def create_import(request: WireRequest, list_id: Id, body: ImportIn) -> Created:
    """
    Take a file and start its import; the resourceId is the importFileId to poll.

    `fileStream` is CSV in base64. `importType` is AddSubscribers (no profile values are taken),
    AddSubscribersAndSegmentationData, UpdateSubscribers or RemoveSubscribers. Nobody who has left
    comes back by it, and no suppressed address is put on the list. `triggerJourney` starts the
    conversations that listen for a subscription, an import or a changed profile; a column of the
    type Event (ids or names between commas) starts those that listen for the event in any case.
    Beyond the wire a column may be Phone, FirstName, LastName, Birthday, PostalCode,
    CustomerNumber, TimeZone or Locale.
    """
    made = actions.create_import(
        kind=CONTACTS,
        list=found_list(list_id),
        file_name=body.file_name,
        file=decoded(body.file_stream),
        mapping={
            "delimiter": delimiter(body.file_delimiter),
            "qualifier": body.text_qualifier,
            "has_header": body.has_column_names,
            "columns": [column(mapping) for mapping in body.file_mappings],
        },
        options={
            "import_type": body.import_type,
            "update_type": body.segmentation_import_type,
            "start_conversations": body.trigger_journey,
            "include_unsubscribed": body.include_unsubscribed,
        },
        now=request.now,
        by=request.client,
    )
    actions.start_import(imported=made, now=request.now, by=request.client)
    return created(made.pk)


@imports.get(IMPORTS + "/{import_file_id}", answer=Resource[ImportOut], levels=LEVELS)
def one_import(request: WireRequest, list_id: Id, import_file_id: Id) -> Resource[ImportOut]:
    """Return an import."""
    return Resource[ImportOut](data=import_out(found(imports_of(list_id), pk=import_file_id)))


@imports.get(IMPORTS + "/{import_file_id}/Status", answer=Resource[ImportStatusOut], levels=REPORTS)
def import_status(
    request: WireRequest, list_id: Id, import_file_id: Id
) -> Resource[ImportStatusOut]:
    """
    Return where an import stands.

    `status` is DataReadyForProcessing, ProcessingData, ProcessingCompleted or ProcessingFailed;
    `startDate` is null before a worker has begun, `endDate` until it has ended.
    """
    row = found(imports_of(list_id), pk=import_file_id)
    shown = ImportStatusOut(start_date=row.started_at, end_date=row.ended_at, status=row.status)
    return Resource[ImportStatusOut](data=shown)


@imports.get(
    IMPORTS + "/{import_file_id}/Summary", answer=Resource[ImportSummaryOut], levels=REPORTS
)
def import_summary(
    request: WireRequest, list_id: Id, import_file_id: Id
) -> Resource[ImportSummaryOut]:
    """
    Return what became of the rows so far.

    While the import runs, the counts grow by chunks. `previouslyUnsubscribedCount` are those who
    have left and are left alone, `skippedCount` unknown people of an update, `suppressedCount`
    addresses that are not written to and were put on no list.
    """
    counts: dict[str, Any] = found(imports_of(list_id), pk=import_file_id).counts
    shown = {
        name: counts.get(name.removesuffix("_count"), 0) for name in ImportSummaryOut.model_fields
    }
    return Resource[ImportSummaryOut](data=ImportSummaryOut(**shown))


def decoded(text: LongText) -> BinaryIO:
    """
    Return what base64 says as a file, line breaks allowed; it is closed with the request.

    :raises InvalidParameterError: naming `fileStream`, for anything else.
    """
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
    rest, has_ended = b"", False
    try:
        for block in text.blocks():
            letters = rest + b"".join(block.split())
            whole = len(letters) - len(letters) % 4
            if has_ended and letters:
                raise InvalidParameterError("fileStream")
            has_ended = letters[:whole].endswith(b"=")
            file.write(base64.b64decode(letters[:whole], validate=True))
            rest = letters[whole:]
        file.write(base64.b64decode(rest, validate=True))
    except (binascii.Error, ValueError) as broken:
        raise InvalidParameterError("fileStream") from broken
    file.seek(0)
    return file


def delimiter(text: str) -> str:
    """
    Return the character between columns; a tab may be written out.

    :raises InvalidParameterError: naming `fileDelimiter`, for more than one character.
    """
    character = {"\\t": "\t", "tab": "\t"}.get(text.lower(), text)
    if len(character) != 1 or character in '\r\n"\0':
        raise InvalidParameterError("fileDelimiter")
    return character


def column(mapping: ColumnIn) -> dict[str, Any]:
    """
    Return a mapping in our words.

    :raises InvalidParameterError: naming `fileColumnType`, for a type that nobody knows.
    """
    kind = mapping.file_column_type.strip().replace("_", "").lower()
    if kind == SEGMENTATION_FIELD:
        target = f"field:{mapping.segmentation_field_id}"
    elif kind in COLUMN_TYPES:
        target = COLUMN_TYPES[kind]
    else:
        raise InvalidParameterError("fileColumnType")
    return {"column": mapping.file_column, "target": target, "default": mapping.default_value}
