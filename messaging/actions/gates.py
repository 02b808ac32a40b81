"""
What stands between a number and a whole consent: its yes, its owner's age, a STOP.

A text that is no keyword of STOP or HELP is taken for the answer to what was asked.
"""

from collections.abc import Sequence
from datetime import date, datetime

from accounts.actions import InvalidValueError
from contacts.identity import read_date
from messaging.actions.ledger import note_changes
from messaging.actions.phones import unsubscribe_phone
from messaging.law.keywords import YES, bare
from messaging.models import InboundText, Meaning, PhoneSubscription
from messaging.models.sms import PhoneSubscriptionState

OLDEST = 120  # years
BY_PHONE = "text message"  # the source of what a phone says itself
BY_STOP = "Campaign"  # why a consent ended, as the wire calls a STOP


def start_again(inbound: InboundText, rows: Sequence[PhoneSubscription], now: datetime) -> str:
    """
    Undo what a STOP ended: the consents that were there.

    A number that never was on a list is as if it had not written STOP. Somebody whose age was
    never known is still asked for it; whoever writes START has confirmed that way.
    """
    inbound.meaning = Meaning.START
    stopped = [
        row
        for row in rows
        if row.state == PhoneSubscriptionState.UNSUBSCRIBED and row.opt_out_reason == BY_STOP
    ]
    ended = [row for row in stopped if row.consent_source]
    for row in ended:
        row.unsubscribed_at, row.opt_out_reason = None, ""
        row.pending_age_gate = row.subscribed_at is None and row.phone_list.require_age_gate
        settle(row, now)
    note_changes(
        ids=[row.pk for row in ended], what="started", source=BY_PHONE, text=inbound.text, now=now
    )
    strangers = [row.pk for row in stopped if not row.consent_source]
    note_changes(ids=strangers, what="took STOP back", source=BY_PHONE, text=inbound.text, now=now)
    PhoneSubscription.objects.filter(pk__in=strangers).delete()
    if ended:
        return "age" if any(row.pending_age_gate for row in ended) else "start"
    is_on = any(row.state == PhoneSubscriptionState.SUBSCRIBED for row in rows)
    return "existing" if is_on else "help"


def confirm(
    inbound: InboundText, rows: Sequence[PhoneSubscription], word: str, now: datetime
) -> str:
    """Take a text as the answer to a question that was asked; "" if it is none."""
    asked = [row for row in rows if row.pending_double_opt_in]
    if asked and word in YES:
        inbound.meaning = Meaning.CONFIRMED
        return pass_gate(inbound, asked, "confirmed opt-in", now, pending_double_opt_in=False)
    gated = [row for row in rows if row.pending_age_gate and not row.pending_double_opt_in]
    if not gated:
        return ""
    born = birthday(inbound.text, inbound.short_code.country, now)
    if born is None and word not in YES:
        return ""
    # What is known of somebody decides, whatever the text says.
    known = inbound.contact.birthday if inbound.contact else None
    born = known or born
    if born is not None and age_at(born, now) < youngest(gated):
        return refuse_young(inbound, gated, now)
    inbound.meaning = Meaning.OF_AGE
    return pass_gate(inbound, gated, "confirmed age", now, pending_age_gate=False)


def pass_gate(
    inbound: InboundText,
    rows: Sequence[PhoneSubscription],
    what: str,
    now: datetime,
    **gate: bool,
) -> str:
    """Open one gate of some consents; return what is said next."""
    for row in rows:
        for name, value in gate.items():
            setattr(row, name, value)
        settle(row, now)
    note_changes(
        ids=[row.pk for row in rows], what=what, source=BY_PHONE, text=inbound.text, now=now
    )
    return "age" if any(row.pending_age_gate for row in rows) else "confirmed"


def settle(row: PhoneSubscription, now: datetime) -> None:
    """Store a consent as its gates have it."""
    pending = row.pending_double_opt_in or row.pending_age_gate
    row.state = PhoneSubscriptionState.PENDING if pending else PhoneSubscriptionState.SUBSCRIBED
    if pending:
        row.pending_at = row.pending_at or now
    else:
        row.pending_at = None
        row.subscribed_at = row.subscribed_at or now
    row.updated_at = now
    row.save()


def refuse_young(inbound: InboundText, rows: Sequence[PhoneSubscription], now: datetime) -> str:
    """End the consents of somebody who is too young for their lists."""
    inbound.meaning = Meaning.UNDER_AGE
    for row in rows:
        unsubscribe_phone(
            phone_list=row.phone_list, phone_e164=row.phone_e164, reason="Admin", now=now
        )
    return "under_age"


def ask_again(inbound: InboundText, rows: Sequence[PhoneSubscription]) -> str:
    """Return the reply to a text that means nothing: the open question, if there is one."""
    inbound.meaning = Meaning.UNKNOWN
    if bare(inbound.text) in YES and any(row.state == "Subscribed" for row in rows):
        return "existing"
    if any(row.pending_double_opt_in for row in rows):
        return "confirm"
    return "age" if any(row.pending_age_gate for row in rows) else "unknown"


def birthday(text: str, country: str, now: datetime) -> date | None:
    """Read a birthday as it is written in a country; None for what is none."""
    words = text.strip().replace(".", "/")
    if country not in {"US", "CA"}:
        day, slash, rest = words.partition("/")
        month, second, year = rest.partition("/")
        words = f"{month}/{day}/{year}" if slash and second else words
    try:
        born = read_date(words)
    except InvalidValueError:
        return None
    return born if 0 <= age_at(born, now) <= OLDEST else None


def age_at(born: date, now: datetime) -> int:
    """Return somebody's age in years."""
    today = now.date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def youngest(rows: Sequence[PhoneSubscription]) -> int:
    """Return the age that all of these lists allow."""
    return max((row.phone_list.minimum_age for row in rows), default=18)
