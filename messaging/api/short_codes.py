"""ShortCode, PhoneList and the SMS profile fields; beyond the wire, creating the first two."""

from datetime import datetime

from django.db.models import QuerySet
from ninja import Query

from accounts.models import List
from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
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
from contacts.api.reading import one_of
from contacts.models import DataType, ProfileField
from messaging import actions
from messaging.models import PhoneList, ShortCode
from messaging.models.sms import MessageType

short_codes = Frame("", integration="sms", tag="ShortCode")

CODES = "/sms/v1/ShortCode"
CODE = CODES + "/{sender_code_id}"
LISTS = CODE + "/PhoneList"
ATTRIBUTES = CODE + "/SegmentationField"
ACTIVE, INACTIVE = "Active", "Inactive"
# The SMS API has four kinds of its own; what is none of the others is text.
ATTRIBUTE_TYPES = {
    DataType.NUMERIC.value: "Number",
    DataType.CHECK_BOX.value: "Checkbox",
    DataType.DATE.value: "Date",
}


class SenderCode(WireOut):
    """A short code with the list that it is paired with; what it has not is 0 or ""."""

    short_code_id: int
    code: str
    country: str
    merchant_name: str
    email_list_id: int
    email_list_name: str
    external_event_id: int = 0
    external_event_name: str = ""
    phone_number_segmentation_field_group_id: int = 0
    phone_number_segmentation_field_group_name: str = ""
    phone_number_segmentation_field_id: int = 0
    phone_number_segmentation_field_name: str = ""
    acquisition_source_segmentation_field_group_id: int = 0
    acquisition_source_segmentation_field_group_name: str = ""
    acquisition_source_segmentation_field_id: int = 0
    acquisition_source_segmentation_field_name: str = ""


class PhoneListOut(WireOut):
    """A phone list."""

    phone_list_id: int
    phone_list_name: str
    create_date: datetime
    status: str
    sms_list_type: str
    message_limit: int
    message_limit_time_frame: str
    require_double_opt_in: bool
    require_age_gate: bool


class PhoneAttribute(WireOut):
    """A profile field, as the SMS API has it."""

    segmentation_field_id: int
    segmentation_field_name: str
    data_type: str
    max_length: int
    status_flag: str = ACTIVE


class PhoneListQuery(PageQuery):
    """Which phone lists to show."""

    status: str = ACTIVE


class ShortCodeIn(WireIn):
    """A short code to be; without message types it is provisioned for both."""

    code: str
    country: str = "US"
    merchant_name: str = ""
    email_list_id: int
    message_types: list[str] | None = None


class PhoneListIn(WireIn):
    """A phone list to be."""

    phone_list_name: str
    sms_list_type: str = MessageType.TRANSACTIONAL.value


def codes() -> "QuerySet[ShortCode]":
    """Return the account's short codes."""
    return ShortCode.objects.select_related("email_list", "phone_field__group").order_by("pk")


def found_code(sender_code_id: int) -> ShortCode:
    """
    Return a short code of the account.

    :raises NotFoundError: if it has none of that id.
    """
    return found(codes(), pk=sender_code_id)


def found_phone_list(sender_code_id: int, phone_list_id: int) -> PhoneList:
    """
    Return a phone list of a short code.

    :raises NotFoundError: if there is none.
    """
    rows = PhoneList.objects.filter(short_code=found_code(sender_code_id))
    return found(rows.select_related("short_code"), pk=phone_list_id)


def sender_code(code: ShortCode) -> SenderCode:
    """Write a short code as the wire has it."""
    shown = SenderCode(
        short_code_id=code.pk,
        code=code.code,
        country=code.country,
        merchant_name=code.merchant_name,
        email_list_id=code.email_list_id,
        email_list_name=code.email_list.name,
    )
    field: ProfileField | None = code.phone_field
    if field is not None:
        shown.phone_number_segmentation_field_group_id = field.group_id
        shown.phone_number_segmentation_field_group_name = field.group.name
        shown.phone_number_segmentation_field_id = field.pk
        shown.phone_number_segmentation_field_name = field.name
    return shown


def phone_list_out(phone_list: PhoneList) -> PhoneListOut:
    """Write a phone list as the wire has it."""
    return PhoneListOut(
        phone_list_id=phone_list.pk,
        phone_list_name=phone_list.name,
        create_date=phone_list.created_at,
        status=ACTIVE if phone_list.is_active else INACTIVE,
        sms_list_type=phone_list.kind,
        message_limit=phone_list.message_limit,
        message_limit_time_frame=phone_list.message_limit_time_frame,
        require_double_opt_in=phone_list.require_double_opt_in,
        require_age_gate=phone_list.require_age_gate,
    )


def attribute(field: ProfileField) -> PhoneAttribute:
    """Write a profile field as the SMS API has it."""
    return PhoneAttribute(
        segmentation_field_id=field.pk,
        segmentation_field_name=field.name,
        data_type=ATTRIBUTE_TYPES.get(field.data_type, "Text"),
        max_length=field.max_length,
    )


@short_codes.get(CODES, answer=Collection[SenderCode])
def all_codes(request: WireRequest) -> Collection[SenderCode]:
    """Return the short codes of the account."""
    return Collection[SenderCode](data=[sender_code(code) for code in codes()])


@short_codes.get(CODE, answer=Resource[SenderCode])
def one_code(request: WireRequest, sender_code_id: Id) -> Resource[SenderCode]:
    """Return a short code."""
    return Resource[SenderCode](data=sender_code(found_code(sender_code_id)))


@short_codes.get(LISTS, answer=Page[PhoneListOut])
def all_phone_lists(
    request: WireRequest, sender_code_id: Id, wanted: Query[PhoneListQuery]
) -> Page[PhoneListOut]:
    """
    Return the phone lists of a short code that are active, or of another `status`.

    `status` is active (the default) or inactive. `messageLimit` and its time frame are deprecated by
    the vendor; ours are set under Texting.
    """
    status = one_of("status", wanted.status or ACTIVE, [ACTIVE, INACTIVE])
    rows = PhoneList.objects.filter(
        short_code=found_code(sender_code_id), is_active=status == ACTIVE
    )
    page = page_of(rows, wanted, request)
    return page.answer(PhoneListOut, (phone_list_out(row) for row in page))


@short_codes.get(LISTS + "/{phone_list_id}", answer=Collection[PhoneListOut])
def one_phone_list(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id
) -> Collection[PhoneListOut]:
    """Return a phone list: in an array of one, as the vendor's example has it."""
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    return Collection[PhoneListOut](data=[phone_list_out(phone_list)])


@short_codes.get(ATTRIBUTES, answer=Collection[PhoneAttribute])
def all_attributes(request: WireRequest, sender_code_id: Id) -> Collection[PhoneAttribute]:
    """
    Return the profile fields of the list that a short code is paired with.

    The SMS API has four types: Text, Number, Checkbox, Date; what is none of the others is Text.
    """
    rows = ProfileField.objects.filter(list=found_code(sender_code_id).email_list).order_by("pk")
    return Collection[PhoneAttribute](data=[attribute(field) for field in rows])


@short_codes.get(ATTRIBUTES + "/{segmentation_field_id}", answer=Resource[PhoneAttribute])
def one_attribute(
    request: WireRequest, sender_code_id: Id, segmentation_field_id: Id
) -> Resource[PhoneAttribute]:
    """Return one of these profile fields."""
    rows = ProfileField.objects.filter(list=found_code(sender_code_id).email_list)
    return Resource[PhoneAttribute](data=attribute(found(rows, pk=segmentation_field_id)))


@short_codes.post("/conductor/v1/ShortCode", names={"message_types": "messageTypes"})
def create_code(request: WireRequest, body: ShortCodeIn) -> Created:
    """
    Create a short code, paired with an email list.

    Profile values of its numbers are those of that list. Texts go out once a provider is connected;
    until then they go to the Sandbox inbox.
    """
    try:
        email_list = found(List.objects.all(), pk=body.email_list_id)
    except NotFoundError as unknown:
        raise InvalidParameterError("emailListId") from unknown
    types = body.message_types
    made = actions.create_short_code(
        code=body.code,
        country=body.country,
        merchant_name=body.merchant_name,
        email_list=email_list,
        message_types=types
        and [one_of("messageTypes", each, MessageType.values) for each in types],
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@short_codes.post(
    "/conductor/v1/ShortCode/{sender_code_id}/PhoneList",
    names={"name": "phoneListName", "kind": "smsListType"},
)
def create_phone_list(request: WireRequest, sender_code_id: Id, body: PhoneListIn) -> Created:
    """
    Create a phone list of a short code, Transactional or Marketing.

    Numbers agree to a list, not to a code; texts of a Marketing list keep to caps and to the hours
    that the law allows.
    """
    made = actions.create_phone_list(
        short_code=found_code(sender_code_id),
        name=body.phone_list_name,
        kind=one_of("smsListType", body.sms_list_type, MessageType.values),
        now=request.now,
        by=request.client,
    )
    return created(made.pk)
