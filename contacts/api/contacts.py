"""Contact: an address on a list, with its profile (our subscription)."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from ninja import Query
from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import (
    Created,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Refused,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    page_of,
    updated,
)
from contacts import actions
from contacts.actions import errors
from contacts.actions.opt_ins import ask_to_confirm
from contacts.actions.standing import Standing, standing_of
from contacts.actions.suppressed import is_suppressed
from contacts.api.reading import one_of, read_ids, read_time
from contacts.identity import normalise_email
from contacts.models import DataType, ProfileField, Subscription, SubscriptionState

contacts = Frame("/email/v1", integration="email", tag="Contact")

CONTACTS = "/List/{list_id}/Contact"
LEVELS = ["Contact"]
MOST_FIELDS = 30
# What an act through the API counts as, and what it is if the contact itself began it.
ADMINISTRATOR, BY_CONTACT = "Administrator", "Contact"
SUBSCRIBED, UNSUBSCRIBED = SubscriptionState.SUBSCRIBED.value, SubscriptionState.UNSUBSCRIBED.value
PENDING = SubscriptionState.PENDING.value
# The wire shows milliseconds: an end that is sent back includes all of its millisecond.
MILLISECOND = timedelta(milliseconds=1)


class FieldValueIn(WireIn):
    """A value of a profile field; a group's id may come along and says nothing."""

    segmentation_field_id: int
    value: Any = None


class ContactIn(WireIn):
    """A contact to create or change."""

    email_address: str
    subscription_state: str = ""
    external_contact_id: str | None = Field(None, alias="externalContactID")
    segmentation_field_values: list[FieldValueIn] = []

    @property
    def profile(self) -> dict[int, Any]:
        """Return raw values by field id; of two for one field the last counts."""
        return {
            given.segmentation_field_id: given.value for given in self.segmentation_field_values
        }


class ContactOptions(WireIn):
    """The query of a POST."""

    event_ids: str = ""
    override_unsubscribe: bool = False
    subscribed_by_contact: bool = False
    send_double_opt_in: bool = False
    update_type: str = "Update"
    new_email_address: str = ""

    @property
    def method(self) -> str:
        """Return how the act is written down."""
        return BY_CONTACT if self.subscribed_by_contact else ADMINISTRATOR


class ContactQuery(PageQuery):
    """Which contacts to show."""

    subscription_state: str = SUBSCRIBED
    external_contact_id: str = ""
    segmentation_field_ids: str = ""
    start_date: str = ""
    end_date: str = ""
    use_original_subscribe_date: bool = True


class OneContactQuery(WireIn):
    """What to show of a contact."""

    segmentation_field_ids: str = ""


class FieldValueOut(WireOut):
    """A value of a profile field; "" if it has none."""

    segmentation_field_group_id: int
    segmentation_field_id: int
    value: str


class ContactOut(WireOut):
    """A contact, in the key order that ListrakWriter reads by position."""

    email_address: str
    email_key: str
    universal_email_key: str
    subscription_state: str
    subscribe_date: datetime
    resubscribe_date: datetime | None
    subscribe_method: str | None
    unsubscribe_date: datetime | None
    unsubscribe_method: str | None
    external_contact_id: str | None = Field(alias="externalContactID")
    segmentation_field_values: list[FieldValueOut]


@contacts.get(CONTACTS, answer=Page[ContactOut], levels=LEVELS)
def all_contacts(
    request: WireRequest, list_id: Id, wanted: Query[ContactQuery]
) -> Page[ContactOut]:
    """
    Return the contacts of a list, Subscribed unless another state is asked for.

    `subscriptionState` is Subscribed, Unsubscribed, or Pending (ours: who waits for a double
    opt-in). `startDate` and `endDate` ask when they subscribed, of Unsubscribed ones when they left;
    both ends are inside, the end is not with `useOriginalSubscribeDate=false`, which asks for the
    latest time that they came. Values are shown of the fields in `segmentationFieldIds` (30 at most)
    alone, one for each in their order, "" where a contact has none.
    """
    shown = found_list(list_id)
    fields = wanted_fields(shown, wanted.segmentation_field_ids)
    rows = page_of(contacts_of(shown, wanted, request), wanted, request)
    return rows.answer(ContactOut, (contact_out(row, fields) for row in rows))


@contacts.get(CONTACTS + "/{contact_identifier}", answer=Resource[ContactOut], levels=LEVELS)
def one_contact(
    request: WireRequest, list_id: Id, contact_identifier: str, wanted: Query[OneContactQuery]
) -> Resource[ContactOut]:
    """
    Return a contact, by address or email key.

    An address may be written in any case, with @ and + as they are or escaped. Profile values are
    shown for `segmentationFieldIds` (30 at most) alone. Who left is shown, too: see
    `subscriptionState`.
    """
    shown = found_list(list_id)
    subscription = find_subscription(shown, contact_identifier)
    fields = wanted_fields(shown, wanted.segmentation_field_ids)
    return Resource[ContactOut](data=contact_out(subscription, fields))


def contacts_of(
    shown: List, wanted: ContactQuery, request: WireRequest
) -> "QuerySet[Subscription]":
    """Return the subscriptions that a query asks for."""
    state = one_of("subscriptionState", wanted.subscription_state, SubscriptionState.values)
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_time("endDate", wanted.end_date, request.zone)
    rows: Any = Subscription.objects.filter(list=shown, state=state).select_related("contact")
    if wanted.external_contact_id:
        rows = rows.filter(external_contact_id=wanted.external_contact_id)
    since: Any = F("unsubscribed_at") if state == UNSUBSCRIBED else F("subscribed_at")
    ends_inside = True
    if state != UNSUBSCRIBED and not wanted.use_original_subscribe_date:
        since, ends_inside = Coalesce("resubscribed_at", "subscribed_at"), False
    rows = rows.annotate(since=since) if start or end else rows
    if start:
        rows = rows.filter(since__gte=start)
    if end:
        rows = rows.filter(since__lt=end + MILLISECOND if ends_inside else end)
    return cast("QuerySet[Subscription]", rows)


def find_subscription(shown: List, identifier: str) -> Subscription:
    """
    Return the subscription of an address, or of an email key.

    :raises NotFoundError: if the list has none.
    """
    rows = Subscription.objects.filter(list=shown).select_related("contact")
    if "@" in identifier:
        try:
            row = rows.filter(contact__email_norm=normalise_email(identifier)).first()
        except InvalidValueError as unreadable:
            raise NotFoundError from unreadable
    else:
        row = rows.filter(email_key=identifier.upper()).first()
    if row is None:
        raise NotFoundError
    return row


def wanted_fields(shown: List, ids: str) -> list[ProfileField]:
    """
    Return the profile fields that are asked for, in the order asked.

    :raises Refused: for more than 30.
    :raises InvalidParameterError: for one that the list has not.
    """
    wanted = read_ids("segmentationFieldIds", ids)
    if len(wanted) > MOST_FIELDS:
        raise Refused(
            code="ERROR_TOO_MANY_SEGMENTATION_FIELDS",
            message=f"No more than {MOST_FIELDS} segmentationFieldIds may be supplied.",
        )
    if not wanted:
        return []
    fields = ProfileField.objects.filter(list=shown).in_bulk(wanted)
    if len(fields) < len(wanted):
        raise InvalidParameterError("segmentationFieldIds")
    return [fields[field_id] for field_id in wanted]


def contact_out(subscription: Subscription, fields: Sequence[ProfileField]) -> ContactOut:
    """
    Write a contact as the wire has it.

    As recorded: no subscribe method while Unsubscribed, no unsubscribe date and method
    while Subscribed; the subscribe date stays the first one.
    """
    left = subscription.state == UNSUBSCRIBED
    contact = subscription.contact
    return ContactOut(
        email_address=contact.email,
        email_key=subscription.email_key,
        universal_email_key=hashlib.sha256(contact.email_norm.encode()).hexdigest(),
        subscription_state=subscription.state,
        subscribe_date=subscription.subscribed_at or subscription.created_at,
        resubscribe_date=subscription.resubscribed_at,
        subscribe_method=None if left else subscription.subscribe_method or None,
        unsubscribe_date=(subscription.unsubscribed_at or subscription.updated_at)
        if left
        else None,
        unsubscribe_method=(subscription.unsubscribe_method or None) if left else None,
        externalContactID=subscription.external_contact_id or None,
        segmentation_field_values=[
            FieldValueOut(
                segmentation_field_group_id=field.group_id,
                segmentation_field_id=field.pk,
                value=value_out(field, subscription.profile.get(str(field.pk))),
            )
            for field in fields
        ],
    )


def value_out(field: ProfileField, value: Any) -> str:
    """Write a value as text: dates as 12/31/2020, numbers without a needless fraction."""
    if value is None:
        return ""
    if field.data_type == DataType.DATE:
        year, month, day = str(value).split("-")
        return f"{month}/{day}/{year}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@contacts.post(CONTACTS, answer={201: Created, 200: Updated}, levels=LEVELS)
def save_contact(
    request: WireRequest, list_id: Id, body: ContactIn, options: Query[ContactOptions]
) -> Created | Updated:
    """
    Create a contact (201) or change it (200).

    Subscribing one who left needs `overrideUnsubscribe`, as do events of one; who waits for a
    double opt-in is subscribed by it alone; a suppressed address is put on no list. With
    `sendDoubleOptIn` a new contact is Pending and gets an email with a link that confirms.
    `newEmailAddress` changes the address, alone; unsubscribing carries neither events nor
    profile data, and is refused to who has left.
    """
    profile = body.profile
    stands = found_standing(list_id, body.email_address, profile)
    shown = stands.list
    event_ids = read_ids("eventIds", options.event_ids)
    if options.new_email_address:
        refuse_company("ERROR_CHANGE_ADDRESS", "changing an address", event_ids, body)
        change_address(request, shown, body, options)
        return updated(body.email_address)
    state = subscription_state(body.subscription_state)
    if state == UNSUBSCRIBED:
        refuse_company("ERROR_UNSUBSCRIBE", "unsubscribing", event_ids, body)
        left = actions.unsubscribe(
            list=shown, email=body.email_address, method=options.method, now=request.now
        )
        if not left.changed:
            raise errors.UnsubscribedAddressError
        return updated(body.email_address)
    if options.send_double_opt_in and not shown.from_email:
        raise InvalidParameterError("sendDoubleOptIn", "The list has no fromEmail to ask from.")
    refuse_to_join(stands, options, state)
    result = actions.subscribe(
        list=shown,
        email=body.email_address,
        standing=stands,
        state=PENDING if options.send_double_opt_in and stands.state is None else state,
        profile=profile,
        update_type=options.update_type,
        external_contact_id=body.external_contact_id,
        override_unsubscribe=options.override_unsubscribe,
        event_ids=event_ids,
        method=options.method,
        source="api",
        now=request.now,
    )
    if not result.created:
        return updated(body.email_address)
    if result.subscription.state == PENDING:
        ask_to_confirm(subscription=result.subscription, now=request.now)
    return created(body.email_address)


def found_standing(list_id: int, email: str, field_ids: Iterable[int]) -> Standing:
    """
    Return how an address stands with a list of the account.

    :raises NotFoundError: if it has none of that id, whatever the address.
    """
    try:
        stands = standing_of(list_id=list_id, email=email, field_ids=field_ids)
    except InvalidValueError:
        found_list(list_id)
        raise
    if stands is None:
        raise NotFoundError
    return stands


def subscription_state(given: str) -> str | None:
    """Return Subscribed or Unsubscribed, None where nothing is said."""
    return one_of("subscriptionState", given, [SUBSCRIBED, UNSUBSCRIBED]) if given.strip() else None


def refuse_company(code: str, act: str, event_ids: list[int], body: ContactIn) -> None:
    """
    Refuse events and profile data where the wire allows none.

    :raises Refused: ERROR_..._WITH_EVENTS or ERROR_..._WITH_SEGMENTATION_DATA.
    """
    if event_ids:
        raise Refused(code=f"{code}_WITH_EVENTS", message=f"Events may not be raised when {act}.")
    if body.segmentation_field_values:
        raise Refused(
            code=f"{code}_WITH_SEGMENTATION_DATA",
            message=f"Profile field values may not be supplied when {act}.",
        )


def change_address(
    request: WireRequest, shown: List, body: ContactIn, options: ContactOptions
) -> None:
    """
    Move a contact to its new address.

    :raises SuppressedNewAddressError: for one that is not written to.
    """
    try:
        new_norm = normalise_email(options.new_email_address)
    except InvalidValueError as unreadable:
        raise InvalidParameterError("newEmailAddress") from unreadable
    if is_suppressed(list=shown, email_norm=new_norm):
        raise errors.SuppressedNewAddressError
    actions.change_address(
        list=shown,
        email=body.email_address,
        new_email=options.new_email_address,
        method=options.method,
        now=request.now,
    )


def refuse_to_join(stands: Standing, options: ContactOptions, state: str | None) -> None:
    """
    Refuse what puts somebody on a list who may not be; who is Subscribed is only updated.

    :raises PendingAddressError: for `Subscribed` of one who waits for a double opt-in.
    :raises SuppressedAddressError: for one that comes, or comes back, and is not written to.
    """
    if stands.state == PENDING and state == SUBSCRIBED:
        raise errors.PendingAddressError
    comes_back = stands.state == UNSUBSCRIBED and options.override_unsubscribe
    if (stands.state is None or comes_back) and stands.is_suppressed:
        raise errors.SuppressedAddressError
