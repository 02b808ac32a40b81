"""Short codes, phone lists, and who agreed to be texted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import phonenumbers

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.tenancy import sql
from contacts.actions import facts
from contacts.models import Contact, ProfileField
from messaging.actions.answers import queue_reply
from messaging.actions.ledger import note_changes
from messaging.actions.messages import checked_name
from messaging.actions.reply_texts import reply_text
from messaging.models import PhoneList, PhoneSubscription, ShortCode
from messaging.models.sms import MessageType, PhoneSubscriptionState, both_types

By = User | ApiClient | None
# The consents that ended, as facts: on every list that their contacts are on.
ENDED = f"""
    SELECT
        '{facts.STOPPED}'::text,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        NULL::bigint,
        phone_subscription.contact_id,
        NULL::bigint,
        %(now)s::timestamptz,
        %(now)s::timestamptz,
        phone_subscription.opt_out_reason::text,
        jsonb_build_object('phone_list', phone_subscription.phone_list_id),
        0::smallint
    FROM messaging_phonesubscription AS phone_subscription
    WHERE
        phone_subscription.id = ANY(%(ids)s::bigint[])
        AND phone_subscription.contact_id IS NOT NULL
    ORDER BY phone_subscription.id
"""


@dataclass(frozen=True)
class Consent:
    """The evidence of a consent: where it was given, the words agreed to, and when."""

    source: str
    text: str
    at: datetime
    ip: str = ""


@dataclass(frozen=True)
class PhoneCounts:
    """What became of a batch of numbers."""

    subscribed: int
    already_subscribed: int
    previously_unsubscribed: int


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

    :raises InvalidValueError: for a bad or taken name, an unknown kind.
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
    phone_list.save()
    verb = "created" if is_new else "updated"
    record(verb=verb, noun="phone_list", object_id=phone_list.pk, now=now, by=by)
    return phone_list


def subscribe_phone(
    *,
    phone_list: PhoneList,
    phone_e164: str,
    consent: Consent,
    now: datetime,
    contact: Contact | None = None,
    by: By = None,
) -> PhoneSubscription:
    """
    Record that a number agreed to a phone list.

    A list with double opt-in or an age gate makes it Pending. Doing it twice changes
    nothing: the first consent stands. A number that opted out comes back only by a
    consent given after the opt-out. Without `contact` it is the one with that phone.

    :raises InvalidValueError: for a number that is not E.164, or a consent without
        source or wording.
    """
    checked_e164(phone_e164)
    check_consent(consent, now=now)
    subscription = (
        PhoneSubscription.objects.select_for_update()
        .filter(phone_list=phone_list, phone_e164=phone_e164)
        .first()
    )
    if subscription is not None and not revives(subscription, consent):
        return subscription
    subscription = subscription or PhoneSubscription(phone_list=phone_list, phone_e164=phone_e164)
    subscription.contact = contact or Contact.objects.filter(phone_e164=phone_e164).first()
    pending = phone_list.require_double_opt_in or phone_list.require_age_gate
    subscription.state = (
        PhoneSubscriptionState.PENDING if pending else PhoneSubscriptionState.SUBSCRIBED
    )
    subscription.pending_double_opt_in = phone_list.require_double_opt_in
    subscription.pending_age_gate = phone_list.require_age_gate
    subscription.pending_at = now if pending else None
    subscription.subscribed_at = None if pending else now
    subscription.unsubscribed_at = None
    subscription.opt_out_reason = ""
    subscription.consent_source = consent.source[:120]
    subscription.consent_text = consent.text
    subscription.consent_at = consent.at
    subscription.consent_ip = consent.ip
    subscription.updated_at = now
    subscription.save()
    note_changes(
        ids=[subscription.pk],
        what="subscribed",
        source=consent.source,
        text=consent.text,
        ip=consent.ip,
        at=consent.at,
        now=now,
    )
    ask_phone(subscription, now=now)
    record(verb="subscribed", noun="phone", object_id=subscription.pk, now=now, by=by)
    return subscription


def ask_phone(subscription: PhoneSubscription, *, now: datetime) -> None:
    """Ask a number what its list wants to know first: that it agrees, how old its owner is."""
    if subscription.state != PhoneSubscriptionState.PENDING:
        return
    phone_list = subscription.phone_list
    kind = "confirm" if subscription.pending_double_opt_in else "age"
    queue_reply(
        short_code=phone_list.short_code,
        phone_e164=subscription.phone_e164,
        text=reply_text(phone_list.short_code, kind, age=phone_list.minimum_age),
        contact=subscription.contact,
        phone_list=phone_list,
        now=now,
    )


def revives(subscription: PhoneSubscription, consent: Consent) -> bool:
    """Say whether a consent changes how an existing number stands."""
    if subscription.state != PhoneSubscriptionState.UNSUBSCRIBED:
        return False
    opted_out = subscription.unsubscribed_at
    return opted_out is None or consent.at > opted_out


def subscribe_phones(
    *,
    phone_list: PhoneList,
    phones: Sequence[str],
    contact_ids: Sequence[int | None],
    consent: Consent,
    now: datetime,
) -> PhoneCounts:
    """
    Record one consent for many numbers (E.164, `contact_ids` in the same order).

    For imports: numbers that are there already keep their state, opt-outs stay opted out, and
    nobody is asked to confirm. One statement and one for the ledger; 100,000 numbers are fine.

    :raises InvalidValueError: for a consent without source or wording.
    """
    check_consent(consent, now=now)
    pending = phone_list.require_double_opt_in or phone_list.require_age_gate
    row = sql.fetch_one(
        sql.statement("messaging", "subscribe_phones"),
        phones=list(phones),
        contact_ids=list(contact_ids),
        phone_list_id=phone_list.pk,
        state="Pending" if pending else "Subscribed",
        pending_double_opt_in=phone_list.require_double_opt_in,
        pending_age_gate=phone_list.require_age_gate,
        pending_at=now if pending else None,
        subscribed_at=None if pending else now,
        source=consent.source[:120],
        text=consent.text,
        at=consent.at,
        ip=consent.ip,
        now=now,
    )
    subscribed, already, opted_out, ids = row or (0, 0, 0, [])
    note_changes(
        ids=ids,
        what="subscribed",
        source=consent.source,
        text=consent.text,
        ip=consent.ip,
        at=consent.at,
        now=now,
    )
    return PhoneCounts(subscribed, already, opted_out)


def unsubscribe_phone(
    *, phone_list: PhoneList, phone_e164: str, reason: str, now: datetime, by: By = None
) -> PhoneSubscription | None:
    """
    Record that a number wants no more messages of a phone list.

    `reason` is one of Campaign, Admin, DeliveryFailure, Import, API, Deactivated,
    PermanentError, Workflow. The first opt-out stands; None for a number not on the list.
    Texts already queued are dropped when they are claimed. Conversations that the number's
    contact is inside of hear of it.
    """
    subscription = (
        PhoneSubscription.objects.select_for_update()
        .filter(phone_list=phone_list, phone_e164=phone_e164)
        .first()
    )
    if subscription is None or subscription.state == PhoneSubscriptionState.UNSUBSCRIBED:
        return subscription
    subscription.state = PhoneSubscriptionState.UNSUBSCRIBED
    subscription.pending_double_opt_in = False
    subscription.pending_age_gate = False
    subscription.pending_at = None
    subscription.unsubscribed_at = now
    subscription.opt_out_reason = reason[:40]
    subscription.updated_at = now
    subscription.save()
    note_changes(ids=[subscription.pk], what="opted out", source=reason, now=now)
    if subscription.contact_id is not None:
        facts.announce_contact(
            kind=facts.STOPPED,
            contact_id=subscription.contact_id,
            now=now,
            method=reason[:40],
            properties={"phone_list": phone_list.pk},
        )
    record(verb="unsubscribed", noun="phone", object_id=subscription.pk, now=now, by=by)
    return subscription


def deactivate_phones(*, phones: Sequence[str], now: datetime) -> int:
    """
    Opt numbers that their carrier gave up out of every phone list; return how many consents ended.

    Whoever gets such a number next has agreed to nothing, and may agree anew. One statement
    for all, and conversations hear of each.
    """
    rows = sql.fetch_all(
        sql.statement("messaging", "opt_out_phones"),
        phones=sorted(set(phones)),
        phone_list_id=None,
        reason="Deactivated",
        now=now,
    )
    ids = [row[0] for row in rows]
    note_changes(ids=ids, what="opted out", source="Deactivated", now=now)
    if ids:
        facts.announce_many(ENDED, ids=ids, now=now)
        record(verb="deactivated", noun="phones", now=now, detail={"consents": len(ids)})
    return len(ids)


def checked_e164(phone: str) -> str:
    """Refuse what is no number in the form +12125550123."""
    digits = phone.removeprefix("+")
    if not (phone.startswith("+") and digits.isascii() and digits.isdigit() and len(phone) <= 16):
        raise InvalidValueError("phone", f"{phone!r} is no number of the form +12125550123.")
    return phone


def check_consent(consent: Consent, *, now: datetime) -> None:
    """Refuse a consent that could prove nothing."""
    if consent.at > now:
        raise InvalidValueError("consent_at", "A consent cannot be of the future.")
    if not consent.source.strip():
        raise InvalidValueError("consent_source", "Say where the consent was given.")
    if not consent.text.strip():
        raise InvalidValueError("consent_text", "Give the wording that was agreed to.")
