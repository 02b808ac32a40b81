"""
Who is who: the normal forms of addresses, numbers, dates and moments.

A contact is found by its normalised email, without one by its external id, without both
by its phone in E.164. What is read here is read the same by pages, API and imports.
"""

import hashlib
import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from accounts.actions import InvalidValueError
from contacts.durations import local_instant

# Most addresses are plain ASCII in lower case: one match says so.
PLAIN_EMAIL = re.compile(
    r"(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
LONGEST_EMAIL = 254
DEFAULT_REGION = "US"
LONGEST_NATIONAL = 10
EARLIEST_YEAR, LATEST_YEAR = 1900, 2199

US_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
# What is left of 2026-11-20T10:00:00+00:00 where a plus stands for a space.
LOST_PLUS = re.compile(r"(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (\d{2}:?\d{2})")
US_MOMENT = re.compile(
    r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?"
)


def normalise_email(text: str) -> str:
    """
    Return the address by which a contact is found.

    Trimmed, NFC, lower case, the domain in IDNA form; a plus-tag stays.

    :raises InvalidValueError: field `emailAddress`.
    """
    address = text.strip().lower()
    if not address.isascii():
        address = _international(address)
    # Letters beyond ASCII are taken in the local part, where mail servers allow them.
    plain = address if address.isascii() else _without_letters(address)
    if len(address) > LONGEST_EMAIL or PLAIN_EMAIL.fullmatch(plain) is None:
        raise InvalidValueError("emailAddress", f"{_shown(text)} is no email address.")
    return address


def typed_email(text: str, email_norm: str) -> str:
    """Return an address as it was typed; in its normal form if the typed one cannot be kept."""
    typed = text.strip()
    return typed if len(typed) <= LONGEST_EMAIL else email_norm


def _without_letters(address: str) -> str:
    """Return an address with an x for each letter or digit beyond ASCII."""
    return "".join("x" if ord(char) > 127 and char.isalnum() else char for char in address)


def _international(address: str) -> str:
    address = unicodedata.normalize("NFC", address)
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError as unusable:
        raise InvalidValueError(
            "emailAddress", f"{_shown(address)} is no email address."
        ) from unusable


def email_key(list_id: int, email_norm: str) -> str:
    """Return the API's key of an address on a list: 26 upper-case hex digits."""
    digest = hashlib.md5(f"{list_id}:{email_norm}".encode(), usedforsecurity=False)
    return digest.hexdigest()[:26].upper()


# The SQL twin of `email_key`, over an expression for the list's id and one for the address.
EMAIL_KEY_SQL = "upper(substr(md5({list_id}::text || ':' || {email_norm}), 1, 26))"


@lru_cache(maxsize=4096)
def normalise_phone(text: str, region: str = DEFAULT_REGION) -> str:
    """
    Return a number in E.164; one without a country code is read in `region`.

    :raises InvalidValueError: field `phoneNumber`, for what is no number of any country.
    """
    written = text.strip()
    region = (region or DEFAULT_REGION).upper()
    candidates = [written]
    if sum(char.isdigit() for char in written) > LONGEST_NATIONAL:
        candidates.append(f"+{written}")  # the API writes the country code without its plus
    for candidate in candidates:
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise InvalidValueError("phoneNumber", f"{_shown(text)} is a phone number of no country.")


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """
    Read a date-time or a date (its midnight); without an offset it is in `zone`.

    ISO 8601 (`2026-11-20T10:00:00Z`, `...+0000`, a space for the T, a date alone) and the
    American forms `12/31/2026 2:30 PM`, `12-31-2026`. A time that the zone skips goes to
    the next valid instant, one that it has twice to the first. Returns UTC.

    :raises InvalidValueError: field `date`.
    """
    wall = _read_iso(text.strip()) or _read_american(text.strip())
    if wall is None or not EARLIEST_YEAR <= wall.year <= LATEST_YEAR:
        raise InvalidValueError(
            "date", f"{_shown(text)} is no date; write 2026-12-31 or 2026-12-31T14:30:00."
        )
    return wall.astimezone(UTC) if wall.tzinfo else local_instant(wall, zone)


def read_date(text: str) -> date:
    """
    Read a date as it is written; the time and offset of a date-time are left out.

    :raises InvalidValueError: field `date`.
    """
    wall = _read_iso(text.strip()) or _read_american(text.strip())
    if wall is None or not EARLIEST_YEAR <= wall.year <= LATEST_YEAR:
        raise InvalidValueError("date", f"{_shown(text)} is no date; write 2026-12-31.")
    return wall.date()


def _read_iso(text: str) -> datetime | None:
    # An offset may be written +0000, a space may stand before it; week dates are refused.
    if "W" in text or len(text) < 8:
        return None
    try:
        return datetime.fromisoformat(LOST_PLUS.sub(r"\1+\2", text))
    except ValueError:
        return None


def _read_american(text: str) -> datetime | None:
    match = US_DATE.fullmatch(text) or US_MOMENT.fullmatch(text)
    if match is None:
        return None
    month, day, year, *time = match.groups()
    hour, minute, second, fraction, half = time or ("0", "0", None, None, None)
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    try:
        return datetime(  # noqa: DTZ001 (a wall time; the caller gives it its zone)
            int(year),
            int(month),
            int(day),
            hours,
            int(minute),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError:
        return None


def _shown(text: str) -> str:
    """Quote a value in a message, cut to what a person reads."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
