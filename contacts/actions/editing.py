"""A person's own values as somebody edits them in a page: what is emptied is cleared."""

from datetime import date, datetime

from accounts.actions import InvalidValueError, record
from accounts.models import User
from contacts.actions import facts
from contacts.actions.texts import clean_text
from contacts.durations import is_zone
from contacts.identity import DEFAULT_REGION, normalise_phone
from contacts.models import Contact

COLUMNS = (
    *("first_name", "last_name", "phone_e164", "external_id"),
    *("birthday", "postal_code", "time_zone"),
)


def update_contact(
    *,
    contact: Contact,
    now: datetime,
    first_name: str,
    last_name: str,
    phone: str,
    external_id: str,
    birthday: date | None,
    postal_code: str,
    time_zone: str,
    by: User | None = None,
) -> Contact:
    """
    Write a person's values, empty ones too.

    The email address stays: changing it makes another contact (`change_address`).

    :raises InvalidValueError: field `phoneNumber` or `customerNumber` for one that cannot
        be read or that another contact has, `emailAddress` if nothing would name the
        contact any more, `timeZone` for no IANA zone.
    """
    number = normalise_phone(phone, DEFAULT_REGION) if phone.strip() else ""
    external_id = clean_text("customerNumber", external_id, longest=100)
    if not (contact.email_norm or number or external_id):
        raise InvalidValueError("emailAddress", "A contact needs an email, a number or an id.")
    if time_zone and not is_zone(time_zone):
        raise InvalidValueError("timeZone", f"{time_zone!r} is no IANA time zone.")
    _refuse_taken(contact, "phoneNumber", "phone_e164", number)
    _refuse_taken(contact, "customerNumber", "external_id", external_id)
    before = {name: getattr(contact, name) for name in COLUMNS}
    contact.phone_e164, contact.external_id = number, external_id
    contact.first_name = clean_text("firstName", first_name, longest=100)
    contact.last_name = clean_text("lastName", last_name, longest=100)
    contact.postal_code = clean_text("postalCode", postal_code, longest=20)
    contact.birthday, contact.time_zone = birthday, time_zone
    contact.updated_at = now
    contact.save()
    changed = sorted(name for name in COLUMNS if getattr(contact, name) != before[name])
    if changed:
        facts.announce_contact(
            kind=facts.CONTACT_UPDATED,
            contact_id=contact.pk,
            now=now,
            method="page",
            properties={"columns": changed},
        )
    record(verb="updated", noun="contact", object_id=contact.pk, now=now, by=by)
    return contact


def _refuse_taken(contact: Contact, named: str, field: str, value: str) -> None:
    others = Contact.objects.exclude(pk=contact.pk)
    if value and others.filter(**{field: value}).exists():
        raise InvalidValueError(named, "Another contact has it already.")
