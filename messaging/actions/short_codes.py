"""Short codes, and the phone lists that they send to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import phonenumbers

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.tenancy import sql
from contacts.models import ProfileField
from messaging.actions.ledger import note_changes
from messaging.actions.messages import checked_name
from messaging.models import PhoneList, ShortCode
from messaging.models.sms import MessageType, TimeFrame, both_types

# Longer codes are numbers of a country.
LONGEST_SHORT = 8
MOST_TEXTS = 1000
By = User | ApiClient | None
# While a list is made nobody's STOP is under way: each sees what the other has done.
NO_STOP_MEANWHILE = """
    SELECT short_code.id FROM messaging_shortcode AS short_code
    WHERE short_code.id = %(short_code_id)s
    FOR NO KEY UPDATE
"""


def create_short_code(
    *,
    code: str,
    country: str,
    email_list: List,
    now: datetime,
    merchant_name: str = "",
    message_types: Sequence[str] | None = None,
    phone_field: ProfileField | None = None,
    by: By = None,
) -> ShortCode:
    """
    Create a sender code paired with an email list.

    :raises InvalidValueError: for a code that is no number or exists, an unknown country,
        message types other than Transactional and Marketing, a field of another list.
    """
    return write_short_code(
        ShortCode(email_list=email_list, created_at=now),
        code=code,
        country=country,
        merchant_name=merchant_name,
        message_types=message_types,
        phone_field=phone_field,
        now=now,
        by=by,
    )


def update_short_code(*, short_code: ShortCode, now: datetime, by: By = None, **to: Any) -> None:
    """Change a short code; `to` and errors as for `create_short_code`."""
    write_short_code(short_code, now=now, by=by, **to)


def write_short_code(
    short_code: ShortCode,
    *,
    code: str,
    country: str,
    merchant_name: str,
    message_types: Sequence[str] | None,
    phone_field: ProfileField | None,
    now: datetime,
    by: By,
) -> ShortCode:
    """Check and store a short code."""
    is_new = short_code.pk is None
    short_code.code = checked_code(code)
    if ShortCode.objects.filter(code=short_code.code).exclude(pk=short_code.pk).exists():
        raise InvalidValueError("code", f"There is a short code {short_code.code} already.")
    short_code.country = checked_country(country)
    short_code.merchant_name = " ".join(merchant_name.split())[:120]
    short_code.message_types = checked_types(message_types)
    if phone_field is not None and phone_field.list_id != short_code.email_list_id:
        raise InvalidValueError("phone_field", "The field belongs to another list.")
    short_code.phone_field = phone_field
    short_code.save()
    verb = "created" if is_new else "updated"
    record(verb=verb, noun="short_code", object_id=short_code.pk, now=now, by=by)
    return short_code


def checked_code(code: str) -> str:
    """Return a code of 3 to 15 digits, perhaps after a plus; blanks and dashes dropped."""
    bare = "".join(letter for letter in code if letter not in " -().\t")
    digits = bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise InvalidValueError("code", "A short code is a number of 3 to 15 digits.")
    if digits.startswith("0") and len(digits) > LONGEST_SHORT:
        raise InvalidValueError("code", "Write a long number with its country: +442079460958.")
    return bare


def checked_country(country: str) -> str:
    """Return a two-letter country code in capitals."""
    wanted = country.strip().upper() or "US"
    if wanted not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidValueError(
            "country", f"{country!r} is no country with telephone numbers; write US, CA, GB ..."
        )
    return wanted


def checked_types(types: Sequence[str] | None) -> list[str]:
    """Return message types, both where none are named."""
    wanted = both_types() if types is None else list(dict.fromkeys(types))
    if not wanted or set(wanted) - set(MessageType.values):
        raise InvalidValueError(
            "message_types", "A short code is provisioned for Transactional, Marketing or both."
        )
    return wanted


def create_phone_list(
    *,
    short_code: ShortCode,
    name: str,
    now: datetime,
    kind: str = MessageType.TRANSACTIONAL,
    by: By = None,
    **settings: Any,
) -> PhoneList:
    """
    Create a phone list; `settings` are further fields of `PhoneList`.

    :raises InvalidValueError: for a bad or taken name, an unknown kind, a limit of no time frame.
    """
    made = PhoneList(short_code=short_code, created_at=now)
    return write_phone_list(made, name=name, kind=kind, now=now, by=by, **settings)


def update_phone_list(
    *, phone_list: PhoneList, name: str, kind: str, now: datetime, by: By = None, **settings: Any
) -> PhoneList:
    """Change a phone list; errors as for `create_phone_list`."""
    return write_phone_list(phone_list, name=name, kind=kind, now=now, by=by, **settings)


def write_phone_list(
    phone_list: PhoneList, *, name: str, kind: str, now: datetime, by: By, **settings: Any
) -> PhoneList:
    """Check and store a phone list."""
    is_new = phone_list.pk is None
    phone_list.name = checked_name(name, noun="phone list")
    others = PhoneList.objects.filter(short_code=phone_list.short_code, name=phone_list.name)
    if others.exclude(pk=phone_list.pk).exists():
        raise InvalidValueError("name", f"There is a phone list named {phone_list.name} already.")
    if kind not in MessageType.values:
        raise InvalidValueError("kind", "A phone list is Transactional or Marketing.")
    phone_list.kind = kind
    for field, value in settings.items():
        setattr(phone_list, field, value)
    check_limit(phone_list)
    if is_new:
        sql.fetch_value(NO_STOP_MEANWHILE, short_code_id=phone_list.short_code_id)
    phone_list.save()
    if is_new:
        keep_out(phone_list, now=now)
    verb = "created" if is_new else "updated"
    record(verb=verb, noun="phone_list", object_id=phone_list.pk, now=now, by=by)
    return phone_list


def check_limit(phone_list: PhoneList) -> None:
    """
    Refuse a limit that cannot be kept.

    :raises InvalidValueError: for a negative one, or one of no time frame.
    """
    if not 0 <= phone_list.message_limit <= MOST_TEXTS:
        raise InvalidValueError("message_limit", f"A limit is from 0 (none) to {MOST_TEXTS:,}.")
    if phone_list.message_limit and phone_list.message_limit_time_frame not in TimeFrame.values:
        raise InvalidValueError(
            "message_limit_time_frame", "A limit counts in a Day, a Week or a Month."
        )


def keep_out(phone_list: PhoneList, *, now: datetime) -> None:
    """Have a STOP hold on a list that was made after it: no import brings the number there."""
    rows = sql.fetch_all(
        sql.statement("messaging", "keep_out"),
        phone_list_id=phone_list.pk,
        short_code_id=phone_list.short_code_id,
        now=now,
    )
    ids = [row[0] for row in rows]
    note_changes(ids=ids, what="opted out", source="an earlier STOP", now=now)
