"""OptOut, ContactImport and Broadcast of a short code."""

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from ninja import Query

from accounts.wire import (
    Created,
    Frame,
    Id,
    InvalidParameterError,
    Page,
    PageQuery,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
    page_of,
)
from accounts.wire.bodies import FILES, LongText
from contacts.actions import imports
from contacts.api.imports import decoded
from contacts.api.reading import read_end, read_id, read_time
from contacts.imports.chunk import UPDATE
from contacts.imports.columns import CONTACTS
from contacts.models import DataType, Import, ProfileField
from messaging import actions
from messaging.actions.broadcasts import broadcast_text
from messaging.api.short_codes import CODE, found_code
from messaging.models import PhoneList, PhoneSubscription, ShortCode
from messaging.models.sms import PhoneSubscriptionState

phone_files = Frame("", integration="sms", tag="ShortCode")

IMPORTS = f"{CODE}/ContactImport"
UNSUBSCRIBED = PhoneSubscriptionState.UNSUBSCRIBED.value
NAMES = {"file": "fileStream", "mapping": "fileMappings", "qualifier": "textQualifier"}
# The wire's reasons, by what we note; everything else was done by hand.
REASONS = {
    "api": "API",
    "import": "Import",
    "stop": "Workflow",
    "deactivated": "Deactivated",
    "delivery failure": "DeliveryFailure",
    "permanent error": "PermanentError",
    "campaign": "Campaign",
}


class OptOutQuery(PageQuery):
    """Which opt-outs to show, by their time; both ends are inside."""

    start_date: str = ""
    end_date: str = ""


class OptOutOut(WireOut):
    """A number that left a phone list of the short code, and why."""

    phone_number: str
    opt_out_date: datetime
    opt_out_reason: str


class PhoneMappingIn(WireIn):
    """What a column of the file is: Phone, or a profile field by its id."""

    file_column_type: str
    segmentation_field_id: int = 0
    file_column: int
    default_value: str = ""


class PhoneImportIn(WireIn):
    """A file of numbers with values of their profiles."""

    file_name: str
    file_stream: LongText
    import_type: str = UPDATE
    has_column_names: bool = False
    text_qualifier: str = ""
    file_delimiter: str = ","
    file_mappings: list[PhoneMappingIn]


class PhoneImportOut(WireOut):
    """Where an import of numbers stands."""

    import_file_id: int
    sms_sender_code_id: int
    file_name: str
    start_date: datetime | None
    end_date: datetime | None
    status: str


class BroadcastIn(WireIn):
    """A text to a phone list; with a field only to whom has it checked."""

    phone_list_id: int
    message_content: str
    message_title: str
    segmentation_field_id: str = ""


def opt_out_reason(noted: str) -> str:
    """Return the wire's word for why a number left."""
    return REASONS.get(noted.strip().lower(), "Admin")


@phone_files.get(f"{CODE}/OptOut", answer=Page[OptOutOut])
def all_opt_outs(
    request: WireRequest, sender_code_id: Id, wanted: Query[OptOutQuery]
) -> Page[OptOutOut]:
    """Return the numbers that left phone lists of a short code; one for each list that it left."""
    rows = PhoneSubscription.objects.filter(
        phone_list__short_code=found_code(sender_code_id),
        state=UNSUBSCRIBED,
        unsubscribed_at__isnull=False,
    )
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_end("endDate", wanted.end_date, request.zone)
    rows = rows.filter(unsubscribed_at__gte=start) if start else rows
    rows = rows.filter(unsubscribed_at__lte=end) if end else rows
    page = page_of(rows, wanted, request)
    return page.answer(
        OptOutOut,
        (
            OptOutOut(
                phone_number=row.phone_e164.removeprefix("+"),
                opt_out_date=row.unsubscribed_at or row.updated_at,
                opt_out_reason=opt_out_reason(row.opt_out_reason),
            )
            for row in page
        ),
    )


@phone_files.post(IMPORTS, names=NAMES, reads=FILES)
def create_import(request: WireRequest, sender_code_id: Id, body: PhoneImportIn) -> Created:
    """
    Take a file of numbers and start to update the profiles of whose they are.

    It changes people who are known, and nobody's consent; the values of those who are not on
    the email list of the short code wait with them.
    """
    code = found_code(sender_code_id)
    if body.import_type.strip().lower() != UPDATE.lower():
        raise InvalidParameterError("importType")
    made = imports.create_import(
        kind=CONTACTS,
        list=code.email_list,
        file_name=body.file_name,
        file=decoded(body.file_stream),
        mapping={
            "delimiter": body.file_delimiter,
            "qualifier": body.text_qualifier,
            "has_header": body.has_column_names,
            "columns": columns(body.file_mappings, code),
        },
        options={"import_type": UPDATE, "region": code.country},
        now=request.now,
        by=request.client,
    )
    imports.start_import(imported=made, now=request.now, by=request.client)
    Import.objects.filter(pk=made.pk).update(options={**made.options, "short_code_id": code.pk})
    return created(made.pk)


def columns(mappings: Sequence[PhoneMappingIn], code: ShortCode) -> list[dict[str, Any]]:
    """
    Return mappings in our words.

    :raises InvalidParameterError: naming `fileColumnType`, for a type that nobody knows.
    :raises Refused: for a field that the list has not.
    """
    asked = {mapping.segmentation_field_id for mapping in mappings}
    fields = ProfileField.objects.filter(list=code.email_list, pk__in=asked)
    known = set(fields.values_list("pk", flat=True))
    return [column(mapping, known) for mapping in mappings]


def column(mapping: PhoneMappingIn, known: Container[int]) -> dict[str, Any]:
    """Return a mapping in our words; `known` are the fields of the list."""
    kind = mapping.file_column_type.strip().lower()
    if kind == "phone":
        target = "phone"
    elif kind == "segmentationfield":
        wanted = mapping.segmentation_field_id
        if wanted not in known:
            raise Refused(
                code="ERROR_INVALID_SEGMENTATION_FIELD_ID",
                message="An invalid value was supplied for segmentationFieldId.",
            )
        target = f"field:{wanted}"
    else:
        raise InvalidParameterError("fileColumnType")
    return {"column": mapping.file_column, "target": target, "default": mapping.default_value}


def imports_of(code: ShortCode) -> "QuerySet[Import]":
    """Return the imports that came by a short code."""
    return Import.objects.filter(options__short_code_id=code.pk)


@phone_files.get(IMPORTS + "/{import_file_id}", answer=Resource[PhoneImportOut])
def one_import(
    request: WireRequest, sender_code_id: Id, import_file_id: Id
) -> Resource[PhoneImportOut]:
    """
    Return where an import of numbers stands.

    `status` has the words of a list import; what was not taken is shown under Contacts > Imports.
    """
    code = found_code(sender_code_id)
    row = found(imports_of(code), pk=import_file_id)
    return Resource[PhoneImportOut](
        data=PhoneImportOut(
            import_file_id=row.pk,
            sms_sender_code_id=code.pk,
            file_name=row.file_name,
            start_date=row.started_at,
            end_date=row.ended_at,
            status=row.status,
        )
    )


@phone_files.post(
    f"{CODE}/Broadcast/Immediate",
    names={"text": "messageContent", "phoneListId": "phoneListId"},
)
def broadcast_now(request: WireRequest, sender_code_id: Id, body: BroadcastIn) -> Created:
    """
    Text everybody who has agreed to a phone list, now; `messageTitle` is for reports.

    With `segmentationFieldId`, a check box of the email list, only those who have it checked. Numbers
    that opted out or are suppressed get nothing; caps and the hours that texts may be sent hold it
    back or skip it, each with a reason that is shown.
    """
    code = found_code(sender_code_id)
    rows = PhoneList.objects.filter(short_code=code, pk=body.phone_list_id)
    phone_list = rows.select_related("short_code__email_list").first()
    if phone_list is None:
        raise Refused(
            code="ERROR_INVALID_LIST_ID", message="An invalid value was supplied for phoneListId."
        )
    if not phone_list.is_active:
        raise Refused(code="ERROR_LIST_INACTIVE", message="The list is inactive.")
    made = broadcast_text(
        message=actions.commit_sms(
            sms_message=None, phone_list=phone_list, text=body.message_content, now=request.now
        ),
        phone_list=phone_list,
        title=body.message_title,
        box=checked_box(code, body.segmentation_field_id),
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


def checked_box(code: ShortCode, field_id: str) -> int | None:
    """
    Return the check box of the email list that a text asks for; None where none is named.

    :raises Refused: for what is no check box of that list.
    """
    if not field_id.strip() or field_id.strip() == "0":
        return None
    wanted = read_id(field_id.strip()) or 0
    boxes = ProfileField.objects.filter(
        list=code.email_list, pk=wanted, data_type=DataType.CHECK_BOX
    )
    if not boxes.exists():
        raise Refused(
            code="ERROR_INVALID_SEGMENTATION_FIELD_ID",
            message="An invalid value was supplied for segmentationFieldId.",
        )
    return wanted
