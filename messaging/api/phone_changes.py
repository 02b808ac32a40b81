"""Changing who a number is, and opting it out: PUT Contact of a short code."""

from accounts.wire import Frame, Id, NotFoundError, Refused, Updated, WireRequest, updated
from messaging import actions
from messaging.api.phone_contacts import (
    API,
    UNSUBSCRIBED,
    SmsContactIn,
    checked_number,
    found_number,
    kept_contact,
    whose,
)
from messaging.api.short_codes import CODE, found_code
from messaging.models import PhoneSubscription

phone_changes = Frame("", integration="sms", tag="SMS Contact")


class SmsContactChange(SmsContactIn):
    """What a number's person is to be, and whether the number opts out."""

    opted_out: bool = False


class NamedContactChange(SmsContactChange):
    """The same, where the path names the number."""

    phone_number: str = ""


@phone_changes.put(f"{CODE}/Contact", answer=Updated)
def change_contact(request: WireRequest, sender_code_id: Id, body: SmsContactChange) -> Updated:
    """
    Change who a number of the short code is; `optedOut` takes it off all its phone lists.

    What is left out or empty stays. Nobody is opted in by this.
    """
    code = found_code(sender_code_id)
    try:
        rows = list(found_number(code, body.phone_number))
    except NotFoundError as unknown:
        raise Refused(
            code="ERROR_PHONE_NUMBER_NOT_FOUND",
            message="The phone number provided could not be found.",
        ) from unknown
    phone_e164 = checked_number(body, rows[0].phone_list)
    contact = kept_contact(request, rows[0].phone_list, body, whose(phone_e164, rows))
    for row in rows:
        if row.contact_id is None and contact.phone_e164 == row.phone_e164:
            PhoneSubscription.objects.filter(pk=row.pk).update(contact=contact)
        if body.opted_out and row.state != UNSUBSCRIBED:
            actions.unsubscribe_phone(
                phone_list=row.phone_list,
                phone_e164=row.phone_e164,
                reason=API,
                now=request.now,
                by=request.client,
            )
    return updated(body.phone_number)


@phone_changes.put(f"{CODE}/Contact/{{phone_number}}", answer=Updated, in_schema=False)
def change_named_contact(
    request: WireRequest, sender_code_id: Id, phone_number: str, body: NamedContactChange
) -> Updated:
    """Change who a number is: as some clients call it, with the number in the path."""
    body.phone_number = phone_number
    return change_contact(request, sender_code_id, body)
