"""
SMS contacts: numbers on the phone lists of a short code.

A number belongs to a short code as soon as it stands on one of its phone lists. Its
profile values are those of its contact on the email list that the short code is paired
with; of a contact that is not on that list they wait with the contact.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet
from ninja import Query

from accounts.actions import InvalidValueError
from accounts.wire import (
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    page_of,
)
from contacts import actions as people
from contacts.actions.unlisted import set_values
from contacts.api.contacts import FieldValueIn, value_out
from contacts.api.reading import read_end, read_time
from contacts.identity import normalise_email, normalise_phone, read_date
from contacts.models import Contact, ProfileField, Subscription
from contacts.values import TooLongValueError
from messaging import actions
from messaging.actions.replies import take_turn
from messaging.api.short_codes import CODE, LISTS, found_code, found_phone_list
from messaging.models import PhoneList, PhoneSubscription, ShortCode
from messaging.models.sms import PhoneSubscriptionState

phone_contacts = Frame("", integration="sms", tag="SMS Contact")

SUBSCRIBED = PhoneSubscriptionState.SUBSCRIBED.value
PENDING = PhoneSubscriptionState.PENDING.value
UNSUBSCRIBED = PhoneSubscriptionState.UNSUBSCRIBED.value
STATES = {SUBSCRIBED: "Subscribed", PENDING: "Pending", UNSUBSCRIBED: "Not Subscribed"}
API = "API"


class SmsContactIn(WireIn):
    """A number to put on a phone list, and who it is."""

    phone_number: str
    email_address: str = ""
    first_name: str = ""
    last_name: str = ""
    birthday: str = ""
    postal_code: str = ""
    segmentation_field_values: list[FieldValueIn] = []


class SmsFieldValue(WireOut):
    """A profile value."""

    segmentation_field_id: int
    value: str


class SmsContact(WireOut):
    """A number and who it is; digits with the country code, no plus."""

    phone_number: str
    email_address: str | None
    first_name: str | None
    last_name: str | None
    birthday: date | None
    postal_code: str | None
    opted_out: bool
    segmentation_field_values: list[SmsFieldValue]


class SmsContactDetails(WireOut):
    """A number and who it is, with its first consent and, if it left, its last opt-out."""

    subscribe_date: datetime | None
    unsubscribe_date: datetime | None
    phone_number: str
    email_address: str | None
    first_name: str | None
    last_name: str | None
    birthday: date | None
    postal_code: str | None
    opted_out: bool
    segmentation_field_values: list[SmsFieldValue]


class ListSubscription(WireOut):
    """How a number stands with one phone list."""

    phone_list_id: int
    subscription_state: str
    subscribe_date: datetime | None
    unsubscribe_date: datetime | None
    pending_date: datetime | None
    pending_double_opt_in: bool
    pending_age_gate: bool


class SmsContactQuery(PageQuery):
    """Which numbers of a phone list to show."""

    opted_out: bool = False
    start_subscribe_date: str = ""
    end_subscribe_date: str = ""


@phone_contacts.get(f"{LISTS}/{{phone_list_id}}/Contact", answer=Page[SmsContact])
def contacts_of_list(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id, wanted: Query[SmsContactQuery]
) -> Page[SmsContact]:
    """Return the numbers of a phone list that have not opted out, or with `optedOut` those."""
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    rows = PhoneSubscription.objects.filter(phone_list=phone_list).select_related("contact")
    opted_out = Q(state=UNSUBSCRIBED)
    rows = rows.filter(opted_out if wanted.opted_out else ~opted_out)
    start = read_time("startSubscribeDate", wanted.start_subscribe_date, request.zone)
    end = read_end("endSubscribeDate", wanted.end_subscribe_date, request.zone)
    rows = rows.filter(subscribed_at__gte=start) if start else rows
    rows = rows.filter(subscribed_at__lte=end) if end else rows
    page = page_of(rows, wanted, request)
    profiles = profiles_of(phone_list.short_code, page)
    return page.answer(SmsContact, (SmsContact(**person(row, [row], profiles)) for row in page))


@phone_contacts.get(f"{CODE}/Contact/{{phone_number}}", answer=Resource[SmsContactDetails])
def one_contact(
    request: WireRequest, sender_code_id: Id, phone_number: str
) -> Resource[SmsContactDetails]:
    """Return a number that stands on one of the short code's phone lists."""
    code = found_code(sender_code_id)
    rows = list(found_number(code, phone_number))
    consents = [row.subscribed_at for row in rows if row.subscribed_at]
    opt_outs = [row.unsubscribed_at for row in rows if row.unsubscribed_at]
    named = next((row for row in rows if row.contact_id), rows[0])
    shown = person(named, rows, profiles_of(code, rows))
    return Resource[SmsContactDetails](
        data=SmsContactDetails(
            subscribe_date=min(consents, default=None),
            unsubscribe_date=max(opt_outs, default=None) if shown["opted_out"] else None,
            **shown,
        )
    )


@phone_contacts.get(f"{CODE}/Contact/{{phone_number}}/PhoneList", answer=Page[ListSubscription])
def lists_of_contact(
    request: WireRequest, sender_code_id: Id, phone_number: str, paging: Query[PageQuery]
) -> Page[ListSubscription]:
    """
    Return how a number stands with each phone list of the short code.

    `subscriptionState` is Subscribed, Pending or Not Subscribed; a pending one says what it waits
    for.
    """
    page = page_of(found_number(found_code(sender_code_id), phone_number), paging, request)
    return page.answer(
        ListSubscription,
        (
            ListSubscription(
                phone_list_id=row.phone_list_id,
                subscription_state=STATES[row.state],
                subscribe_date=row.subscribed_at,
                unsubscribe_date=row.unsubscribed_at,
                pending_date=row.pending_at,
                pending_double_opt_in=row.pending_double_opt_in,
                pending_age_gate=row.pending_age_gate,
            )
            for row in page
        ),
    )


def found_number(code: ShortCode, phone_number: str) -> "QuerySet[PhoneSubscription]":
    """
    Return a number's rows on the phone lists of a short code.

    :raises NotFoundError: if it stands on none.
    """
    try:
        phone_e164 = normalise_phone(phone_number, code.country)
    except InvalidValueError as unreadable:
        raise NotFoundError from unreadable
    rows = PhoneSubscription.objects.filter(phone_list__short_code=code, phone_e164=phone_e164)
    if not rows.exists():
        raise NotFoundError
    return rows.select_related("contact", "phone_list__short_code").order_by("pk")


def profiles_of(
    code: ShortCode, rows: Iterable[PhoneSubscription]
) -> dict[int | None, list[SmsFieldValue]]:
    """Return the profile values of the contacts behind some rows, by contact id."""
    fields = {str(field.pk): field for field in ProfileField.objects.filter(list=code.email_list)}
    profiles: dict[int | None, dict[str, Any]] = {
        row.contact_id: dict(row.contact.profile) for row in rows if row.contact is not None
    }
    subscriptions = Subscription.objects.filter(
        list=code.email_list, contact_id__in=[one for one in profiles if one is not None]
    )
    for subscription in subscriptions:
        profiles[subscription.contact_id].update(subscription.profile)
    return {
        contact_id: [
            SmsFieldValue(segmentation_field_id=int(key), value=value_out(fields[key], value))
            for key, value in sorted(profile.items(), key=lambda item: int(item[0]))
            if key in fields
        ]
        for contact_id, profile in profiles.items()
    }


def person(
    row: PhoneSubscription,
    rows: list[PhoneSubscription],
    profiles: dict[int | None, list[SmsFieldValue]],
) -> dict[str, Any]:
    """Return who a number is; it opted out if it left every list of `rows`."""
    contact = row.contact or Contact()
    return {
        "phone_number": row.phone_e164.removeprefix("+"),
        "email_address": contact.email or None,
        "first_name": contact.first_name or None,
        "last_name": contact.last_name or None,
        "birthday": contact.birthday,
        "postal_code": contact.postal_code or None,
        "opted_out": all(each.state == UNSUBSCRIBED for each in rows),
        "segmentation_field_values": profiles.get(row.contact_id, []),
    }


@phone_contacts.post(f"{LISTS}/{{phone_list_id}}/Contact")
def create_contact(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id, body: SmsContactIn
) -> Created:
    """
    Create a contact and put its number on a phone list; only if the short code lacks it.

    A number that is there is `ERROR_PHONE_NUMBER_FOUND`, or `ERROR_PENDING_PHONE_NUMBER`. On a list
    with double opt-in or an age gate it is asked by text and stands as Pending until it answers; an
    age gate wants a `birthday`. The consent that is kept names the integration. The resourceId is
    the number as it was sent.
    """
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    phone_e164 = checked_number(body, phone_list)
    refuse_ageless(body, phone_list)
    refuse_inactive(phone_list)
    take_turn(phone_list.short_code, phone_e164)
    known = PhoneSubscription.objects.filter(
        phone_list__short_code=phone_list.short_code, phone_e164=phone_e164
    )
    if known.filter(state=PENDING).exists():
        refuse_pending()
    if known.exists():
        raise Refused(
            code="ERROR_PHONE_NUMBER_FOUND", message="The phone number provided already exists."
        )
    contact = kept_contact(request, phone_list, body, whose(phone_e164))
    give_consent(request, phone_list, phone_e164, contact)
    return created(body.phone_number)


@phone_contacts.post(f"{CODE}/Contact/{{phone_number}}/PhoneList/{{phone_list_id}}")
def subscribe_contact(
    request: WireRequest, sender_code_id: Id, phone_number: str, phone_list_id: Id
) -> Created:
    """
    Put a number that the short code knows on one of its phone lists, or back on it.

    It takes no body. One that is on it is `ERROR_SUBSCRIBED_PHONE_NUMBER`; on a list with double
    opt-in it is asked by text first. Somebody who wrote STOP comes back by this: call it only with
    a consent that was given since.
    """
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    numbers = found_number(phone_list.short_code, phone_number)
    refuse_inactive(phone_list)
    take_turn(phone_list.short_code, numbers[0].phone_e164)
    rows = list(numbers.all())
    state = next((row.state for row in rows if row.phone_list_id == phone_list.pk), UNSUBSCRIBED)
    if state == PENDING:
        refuse_pending()
    if state == SUBSCRIBED:
        raise Refused(
            code="ERROR_SUBSCRIBED_PHONE_NUMBER",
            message="The phone number provided is already subscribed to the list.",
        )
    contact = next((row.contact for row in rows if row.contact_id), None)
    give_consent(request, phone_list, rows[0].phone_e164, contact)
    return created(phone_number)


@phone_contacts.delete(f"{CODE}/ContactUnsubscribe/{{phone_number}}/PhoneList/{{phone_list_id}}")
def unsubscribe_contact(
    request: WireRequest, sender_code_id: Id, phone_number: str, phone_list_id: Id
) -> Deleted:
    """
    Take a number off a phone list.

    The others of the short code stay: `PUT .../Contact` with `optedOut` leaves them all.
    """
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    rows = list(found_number(phone_list.short_code, phone_number))
    is_on = any(row.phone_list_id == phone_list.pk and row.state != UNSUBSCRIBED for row in rows)
    if not is_on:
        raise Refused(
            code="ERROR_PHONE_NUMBER_NOT_SUBSCRIBED",
            message="The phone number provided is not subscribed to the list.",
        )
    actions.unsubscribe_phone(
        phone_list=phone_list,
        phone_e164=rows[0].phone_e164,
        reason=API,
        now=request.now,
        by=request.client,
    )
    return deleted()


def checked_number(body: SmsContactIn, phone_list: PhoneList) -> str:
    """
    Return the number in E.164, once the address is in order, too.

    :raises Refused: with the wire's code for each.
    """
    try:
        phone_e164 = normalise_phone(body.phone_number, phone_list.short_code.country)
    except InvalidValueError as bad:
        raise Refused(code="ERROR_INVALID_PHONE_NUMBER", message=bad.message) from bad
    try:
        if body.email_address.strip():
            normalise_email(body.email_address)
    except InvalidValueError as bad:
        raise Refused(code="ERROR_INVALID_EMAIL_ADDRESS", message=bad.message) from bad
    return phone_e164


def refuse_ageless(body: SmsContactIn, phone_list: PhoneList) -> None:
    """Refuse to put somebody without a birthday on a list with an age gate."""
    if phone_list.require_age_gate and not body.birthday.strip():
        raise Refused(
            code="ERROR_BIRTHDAY_FIELD_NULL",
            message="A birthday is needed for a list with an age gate.",
        )


def whose(phone_e164: str, rows: Iterable[PhoneSubscription] = ()) -> Contact | None:
    """Return the person of a number: of a consent of it in `rows`, else who has it, if anybody."""
    named = next((row.contact for row in rows if row.contact_id), None)
    return named or people.find_contact(phone_e164=phone_e164)


def kept_contact(
    request: WireRequest, phone_list: PhoneList, body: SmsContactIn, known: Contact | None
) -> Contact:
    """
    Keep what is said of a number's person, and the values of its profile.

    `known` is whose number it is: nobody else is changed, whatever address is given. The
    number of nobody becomes that of whom the address names.
    """
    try:
        birthday = read_date(body.birthday) if body.birthday.strip() else None
    except InvalidValueError as unreadable:
        raise InvalidParameterError("birthday") from unreadable
    given: dict[str, Any] = {
        "email": body.email_address,
        "first_name": body.first_name,
        "last_name": body.last_name,
        "birthday": birthday,
        "postal_code": body.postal_code,
    }
    if known is not None:
        saved = people.change_contact(contact=known, now=request.now, **given)
    else:
        region = phone_list.short_code.country
        saved = people.save_contact(
            phone=body.phone_number, region=region, now=request.now, **given
        )
    keep_profile(request, phone_list.short_code, saved.contact, body.segmentation_field_values)
    return saved.contact


def keep_profile(
    request: WireRequest, code: ShortCode, contact: Contact, values: list[FieldValueIn]
) -> None:
    """
    Keep profile values of the email list that a short code is paired with.

    :raises Refused: ERROR_INVALID_SEGMENTATION_FIELD_ID for a field that the list has not,
        ERROR_SEGMENTATION_MAX_LENGTH for a value that is too long for its field.
    """
    given = {each.segmentation_field_id: each.value for each in values}
    known = ProfileField.objects.filter(list=code.email_list, pk__in=given)
    if known.count() < len(given):
        raise Refused(
            code="ERROR_INVALID_SEGMENTATION_FIELD_ID",
            message="An invalid value was supplied for segmentationFieldId.",
        )
    try:
        set_values(list=code.email_list, contact=contact, profile=given, now=request.now)
    except TooLongValueError as long:
        raise Refused(code="ERROR_SEGMENTATION_MAX_LENGTH", message=long.message) from long


def give_consent(
    request: WireRequest, phone_list: PhoneList, phone_e164: str, contact: Contact | None
) -> None:
    """Subscribe a number; the evidence is the integration that says so."""
    is_its_own = contact is not None and contact.phone_e164 == phone_e164
    actions.subscribe_phone(
        phone_list=phone_list,
        phone_e164=phone_e164,
        contact=contact if is_its_own else None,
        consent=actions.Consent(
            source=API,
            text=f"Consent stated by the integration {request.client.name}.",
            at=request.now,
        ),
        now=request.now,
        by=request.client,
    )


def refuse_inactive(phone_list: PhoneList) -> None:
    """Refuse a phone list that nobody can join any more."""
    if not phone_list.is_active:
        raise Refused(code="ERROR_LIST_INACTIVE", message="The list is inactive.")


def refuse_pending() -> None:
    """Refuse a number whose opt-in is under way."""
    raise Refused(
        code="ERROR_PENDING_PHONE_NUMBER",
        message="The phone number provided is already pending subscription through double opt in.",
    )
