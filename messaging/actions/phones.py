"""Who agreed to be texted: consents to phone lists, given and withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from accounts.tenancy import sql
from contacts.actions import facts
from contacts.models import Contact
from messaging.actions.answers import queue_questions
from messaging.actions.ledger import note_changes
from messaging.models import PhoneList, PhoneSubscription, ShortCode
from messaging.models.sms import PhoneSubscriptionState

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
    queue_questions(phone_list=phone_list, ids=[subscription.pk], is_awaited=True, now=now)
    record(verb="subscribed", noun="phone", object_id=subscription.pk, now=now, by=by)
    return subscription


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

    For imports: numbers that are there already keep their state, and opt-outs stay opted out.
    Those that the list wants to know something of first are asked, behind other bulk messages
    and not in quiet hours. A statement each for consents, ledger and questions; 100,000 numbers
    are fine.

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
    queue_questions(phone_list=phone_list, ids=ids, now=now)
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


def deactivate_phones(*, phones: Sequence[str], now: datetime, reason: str = "Deactivated") -> int:
    """
    Opt numbers that their carrier gave up out of every phone list; return how many consents ended.

    Whoever gets such a number next has agreed to nothing, and may agree anew. A number that
    takes no texts at all is the same, for the reason `PermanentError`. One statement for all,
    and conversations hear of each.
    """
    ids = end_consents(phones=phones, reason=reason, now=now)
    if ids:
        record(verb="deactivated", noun="phones", now=now, detail={"consents": len(ids)})
    return len(ids)


def end_consents(
    *, phones: Sequence[str], reason: str, now: datetime, short_code: ShortCode | None = None
) -> list[int]:
    """
    End the consents of numbers to every phone list, or to those of one short code; return their ids.

    A statement each for consents, ledger and facts, however many there are.
    """
    if not phones:
        return []
    rows = sql.fetch_all(
        sql.statement("messaging", "opt_out_phones"),
        phones=sorted(set(phones)),
        phone_list_id=None,
        short_code_id=short_code.pk if short_code else None,
        reason=reason,
        now=now,
    )
    ids = [row[0] for row in rows]
    note_changes(ids=ids, what="opted out", source=reason, now=now)
    if ids:
        facts.announce_many(ENDED, ids=ids, now=now)
    return ids


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
