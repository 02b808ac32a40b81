"""
The suppression list: addresses that are not written to, whatever their contact agreed to.

Of somebody who was erased only the address's hash is kept, so that an import cannot bring the
address back to life; who asks compares the address and its hash.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from accounts.actions import InvalidValueError, record, record_many
from accounts.models import ApiClient, List, User
from accounts.tenancy import sql
from contacts.identity import DEFAULT_REGION, normalise_email, normalise_phone
from messaging.eligibility import refusals
from messaging.models import Suppression, SuppressionReason
from messaging.models.message import Channel

HASHED = "sha256:"
# Whoever was erased has but a hash.
((IS_SUPPRESSED, _),) = refusals.suppressed(
    Channel.EMAIL.value, "%(email_norm)s::text", in_list="%(list_id)s", with_erased=True
)
# A file brings many; most accounts suppress few or none.
SUPPRESSES = """
    SELECT EXISTS (
        SELECT FROM messaging_suppression AS suppression WHERE suppression.channel = %(channel)s
    )
"""
AMONG = """
    WITH given (line, address) AS MATERIALIZED ({rows})

    SELECT given.line, TRUE AS is_known
    FROM given
    INNER JOIN messaging_suppression AS suppression ON suppression.address = given.address
    WHERE suppression.channel = %(channel)s
        AND (suppression.list_id IS NULL OR suppression.list_id = %(list_id)s)
    UNION ALL
    SELECT given.line, FALSE
    FROM given
    INNER JOIN messaging_suppression AS suppression
        ON suppression.address
            = %(hashed)s || encode(sha256(convert_to(given.address, 'UTF8')), 'hex')
    WHERE suppression.channel = %(channel)s
        AND (suppression.list_id IS NULL OR suppression.list_id = %(list_id)s)
"""
By = User | ApiClient | None
RELEASE = """
    DELETE FROM messaging_suppression AS suppression
    WHERE suppression.id = ANY(%(ids)s::bigint[])
    RETURNING suppression.id, suppression.channel, suppression.reason, suppression.list_id
"""


def suppress(
    *,
    channel: str,
    addresses: Sequence[str],
    reason: str,
    now: datetime,
    list: List | None = None,
    source: str = "",
    by: By = None,
) -> int:
    """
    Write to no more of these addresses; return how many were not suppressed before.

    `addresses` are normalised: a contact's `email_norm`, or E.164; hashed ones
    (`hashed_address`) are kept as they are, others of reason `erased` are hashed here. `list`
    narrows it to one list, email only. The first reason of an address stands. Messages that
    are queued are dropped when they are claimed. One statement; 100,000 addresses are fine.

    :raises InvalidValueError: for an unknown channel or reason, a list with texts.
    """
    if channel not in Channel.values:
        raise InvalidValueError("channel", "A channel is email or sms.")
    if reason not in SuppressionReason.values:
        known = ", ".join(SuppressionReason.values)
        raise InvalidValueError("reason", f"A reason is one of {known}.")
    if list is not None and channel == Channel.SMS:
        raise InvalidValueError("list", "A number is suppressed in the whole account.")
    if reason == SuppressionReason.ERASED:
        addresses = [hashed_address(address) for address in addresses]
    wanted = sorted({address for address in addresses if address})
    if not wanted:
        return 0
    added = sql.execute(
        sql.statement("messaging", "suppress"),
        channel=channel,
        addresses=wanted,
        list_id=None if list is None else list.pk,
        reason=reason,
        source=source[:255],
        now=now,
    )
    if added:
        detail = {"channel": channel, "reason": reason, "addresses": added}
        record(verb="suppressed", noun="addresses", now=now, by=by, detail=detail)
    return added


def release(*, suppressions: Sequence[Suppression], now: datetime, by: By = None) -> int:
    """
    Take suppressions away; return how many there were. Consent comes back with none.

    Two statements, however many they are.
    """
    rows = sql.fetch_all(RELEASE, ids=[one.pk for one in suppressions])
    record_many(
        verb="released",
        noun="suppression",
        objects=[
            (number, {"channel": channel, "reason": reason, "list": list_id})
            for number, channel, reason, list_id in rows
        ],
        now=now,
        by=by,
    )
    return len(rows)


def suppressed_among(list_id: int, rows: str) -> list[tuple[int, bool]]:
    """Say which of many addresses are suppressed; see `contacts.actions.suppressed`."""
    channel = Channel.EMAIL.value
    if not sql.fetch_value(SUPPRESSES, channel=channel):
        return []
    found = sql.fetch_all(AMONG.format(rows=rows), channel=channel, list_id=list_id, hashed=HASHED)
    return [(line, is_known) for line, is_known in found]


def hashed_address(address: str) -> str:
    """Return what is kept of an address that may not be kept; a hash stays as it is."""
    if address.startswith(HASHED):
        return address
    return HASHED + hashlib.sha256(address.encode()).hexdigest()


def read_address(written: str, *, region: str = DEFAULT_REGION) -> tuple[str, str]:
    """
    Return channel and normalised address of what somebody wrote.

    What holds an @ is an email address, all else a number of `region`.

    :raises InvalidValueError: field `emailAddress` or `phoneNumber`, for what is neither.
    """
    if len(written) > 300:
        raise InvalidValueError("address", "That is too long to be an address.")
    if "@" in written:
        return Channel.EMAIL.value, normalise_email(written)
    if not any(letter.isdigit() for letter in written):
        said = f"{written[:80]!r} is neither an email address nor a phone number."
        raise InvalidValueError("emailAddress", said)
    return Channel.SMS.value, normalise_phone(written, region)
