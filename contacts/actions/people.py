"""
One person: found by email, without one by external id, without both by phone.

The bulk form, `contacts.actions.crowd`, keeps the same rules for many rows at once.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.actions import InvalidValueError
from accounts.tenancy.rows import insert_unless_there, row_of
from contacts.actions import errors, facts
from contacts.actions.texts import clean_text
from contacts.durations import is_zone
from contacts.identity import DEFAULT_REGION, normalise_email, normalise_phone, typed_email
from contacts.models import Contact, Subscription

TWO_CONTACTS = "identifiers of two contacts"
LENGTHS = {
    "external_id": 100,
    "first_name": 100,
    "last_name": 100,
    "postal_code": 20,
    "locale": 20,
}


@dataclass(frozen=True)
class Saved:
    """A contact, whether it is new, whether anything changed, and remarks on the way."""

    contact: Contact
    created: bool
    changed: bool
    warnings: tuple[str, ...] = ()


def find_contact(
    *, email_norm: str = "", external_id: str = "", phone_e164: str = ""
) -> Contact | None:
    """
    Return the contact that the identifiers name, or None.

    The first given one decides: email, then external id, then phone. All are normalised.
    """
    for field, value in (
        ("email_norm", email_norm),
        ("external_id", external_id),
        ("phone_e164", phone_e164),
    ):
        if value:
            # The indexes leave out who has none.
            return row_of(Contact, f"{field} = %(value)s AND {field} <> ''", value=value)
    return None


def save_contact(
    *,
    now: datetime,
    email: str = "",
    external_id: str = "",
    phone: str = "",
    region: str = DEFAULT_REGION,
    time_zone: str = "",
    birthday: date | None = None,
    **texts: str,
) -> Saved:
    """
    Find or create a person and keep what is given; empty values change nothing.

    `texts` are `first_name`, `last_name`, `postal_code`, `locale`. An identifier that
    names another contact stays with that one: the row is taken with the warning
    `identifiers of two contacts`.

    :raises InvalidValueError: for an unreadable identifier or zone, or none at all.
    """
    given = _given(email, external_id, phone, region, time_zone, birthday, texts)
    while True:
        saved = _save(given, now)
        # Somebody else may create the same person at this moment: then it is found.
        if saved is not None:
            return saved


def change_contact(
    *, contact: Contact, now: datetime, email: str = "", birthday: date | None = None, **texts: str
) -> Saved:
    """
    Keep what is given of a person who is known already; empty values change nothing.

    An address never chooses another person: it becomes this one's if nobody has it and this
    one has none, or stands on no list with the old one. `texts` are as for `save_contact`.

    :raises AddressOfAnotherError: for an address that another contact has.
    :raises AddressOnListsError: for another address of somebody who is on lists.
    :raises InvalidValueError: for an unreadable address.
    """
    kept = _details("", birthday, texts)
    locked = Contact.objects.select_for_update().get(pk=contact.pk)
    email_norm = normalise_email(email) if email.strip() else ""
    if email_norm and email_norm != locked.email_norm:
        _refuse_address(locked, email_norm)
        kept.update(email=typed_email(email, email_norm), email_norm=email_norm)
    try:
        with transaction.atomic():
            changed = _keep(locked, kept, now)
    except IntegrityError as taken:
        raise errors.AddressOfAnotherError from taken
    return Saved(locked, created=False, changed=changed)


def _refuse_address(contact: Contact, email_norm: str) -> None:
    if Contact.objects.filter(email_norm=email_norm).exists():
        raise errors.AddressOfAnotherError
    if contact.email_norm and Subscription.objects.filter(contact=contact).exists():
        raise errors.AddressOnListsError


def _given(
    email: str,
    external_id: str,
    phone: str,
    region: str,
    time_zone: str,
    birthday: date | None,
    texts: dict[str, str],
) -> dict[str, Any]:
    fields = _details(time_zone, birthday, {**texts, "external_id": external_id})
    if email.strip():
        fields["email_norm"] = normalise_email(email)
        fields["email"] = typed_email(email, fields["email_norm"])
    if phone.strip():
        fields["phone_e164"] = normalise_phone(phone, region)
    if not {"email_norm", "external_id", "phone_e164"} & set(fields):
        raise InvalidValueError("emailAddress", "A contact needs an email, a number or an id.")
    return fields


def _details(time_zone: str, birthday: date | None, texts: dict[str, str]) -> dict[str, Any]:
    """Return what is given of a person beside the address and number, cleaned."""
    unknown = set(texts) - set(LENGTHS)
    if unknown:
        raise TypeError(f"A contact has no {', '.join(sorted(unknown))}.")
    if time_zone and not is_zone(time_zone):
        raise InvalidValueError("timeZone", f"{time_zone!r} is no IANA time zone.")
    fields: dict[str, Any] = {
        name: clean_text(name, text, longest=LENGTHS[name]) for name, text in texts.items() if text
    }
    if time_zone:
        fields["time_zone"] = time_zone
    if birthday:
        fields["birthday"] = birthday
    return fields


def _save(given: dict[str, Any], now: datetime) -> Saved | None:
    keys = {name: given.get(name, "") for name in ("email_norm", "external_id", "phone_e164")}
    found = find_contact(**keys)
    kept = dict(given)
    warnings = []
    for name in ("external_id", "phone_e164"):
        holder = Contact.objects.filter(**{name: kept[name]}).first() if name in kept else None
        if holder is not None and holder != found:
            del kept[name]
            warnings = [TWO_CONTACTS]
    if found is None:
        contact = Contact(**kept, created_at=now, updated_at=now)
        if not insert_unless_there(contact):
            return None
        return Saved(contact, created=True, changed=True, warnings=tuple(warnings))
    # The address stays as it was first typed.
    kept.pop("email", None)
    is_changed = _keep(found, kept, now)
    return Saved(found, created=False, changed=is_changed, warnings=tuple(warnings))


def _keep(contact: Contact, kept: dict[str, Any], now: datetime) -> bool:
    """Write the columns that differ and tell who listens; say whether any did."""
    changed = {name: value for name, value in kept.items() if getattr(contact, name) != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(contact, name, value)
    contact.updated_at = now
    contact.save(update_fields=[*changed, "updated_at"])
    facts.announce_contact(
        kind=facts.CONTACT_UPDATED,
        contact_id=contact.pk,
        now=now,
        properties={"columns": sorted(changed)},
    )
    return True
