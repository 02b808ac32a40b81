"""
What a phone answers: STOP ends every phone list of the short code, and each text is answered.

A text is taken once, whatever its provider repeats. What it means is decided by the words
alone; the reply is queued in the same transaction, in the urgent lane, and goes whether or
not the number has agreed to anything: it is the answer to a text, one for each, and a few an
hour at most, so that two machines do not talk for ever.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.actions import InvalidValueError, record, record_many
from accounts.models import ApiClient, User
from accounts.tenancy import current_account_id, sql
from contacts.models import Contact
from messaging.actions.answers import queue_reply
from messaging.actions.gates import BY_PHONE, BY_STOP, ask_again, confirm, start_again, youngest
from messaging.actions.ledger import note_changes
from messaging.actions.phones import checked_e164, end_consents
from messaging.actions.receipts import record_receipts
from messaging.actions.reply_texts import reply_text
from messaging.law.keywords import HELP, START, STOP, bare
from messaging.models import (
    Delivery,
    InboundText,
    Meaning,
    PhoneSubscription,
    ReceiptKind,
    SandboxMessage,
    ShortCode,
    Ticket,
)
from messaging.models.delivery import ANSWER, ASK, REPLY
from messaging.models.sms import PhoneSubscriptionState

MOST_REPLIES = 5  # an hour, to one number
LOOP_WINDOW = timedelta(hours=1)
LONGEST_TEXT = 1600
MOST_MEDIA = 10
# Numbers of one short code are served one after the other.
IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(number)s, 7))"
# A list that is made meanwhile waits for this, or is seen by it.
NO_LIST_MEANWHILE = """
SELECT short_code.id FROM messaging_shortcode AS short_code
WHERE short_code.id = %(short_code_id)s
FOR SHARE
"""


def take_turn(short_code: ShortCode, phone_e164: str) -> None:
    """Wait until nobody else decides about a number of a short code, to the end of the transaction."""
    sql.fetch_value(IN_TURN, number=f"{current_account_id()}:{short_code.pk}:{phone_e164}")


def opt_out(
    *, short_code: ShortCode, phone_e164: str, now: datetime, by: User | ApiClient | None = None
) -> int:
    """
    End a number's consent to every phone list of a short code; return how many it had.

    Whoever writes STOP answers a number, and cannot know which of its lists wrote. The
    lists that it is not on it stays off, those that are made later among them.
    """
    return opt_out_many(short_code=short_code, phones=[phone_e164], now=now, by=by)


def opt_out_many(
    *,
    short_code: ShortCode,
    phones: Sequence[str],
    now: datetime,
    by: User | ApiClient | None = None,
) -> int:
    """Do for many numbers what `opt_out` does for one; statements do not grow with them."""
    sql.fetch_value(NO_LIST_MEANWHILE, short_code_id=short_code.pk)
    ended = end_consents(phones=phones, short_code=short_code, reason=BY_STOP, now=now)
    record_many(
        verb="unsubscribed",
        noun="phone",
        objects=[(number, {}) for number in ended],
        now=now,
        by=by,
    )
    rows = sql.fetch_all(
        sql.statement("messaging", "stay_out"),
        phones=sorted(set(phones)),
        short_code_id=short_code.pk,
        now=now,
    )
    note_changes(ids=[row[0] for row in rows], what="opted out", source=BY_PHONE, now=now)
    return len(ended)


def take_inbound(
    *,
    short_code: ShortCode,
    phone_e164: str,
    text: str,
    provider: str,
    provider_message_id: str,
    now: datetime,
    media: Sequence[str] = (),
) -> InboundText:
    """
    Take a text that a phone sent to a short code, act on it and queue the answer.

    Idempotent by (provider, provider_message_id); "" is a message of its own each time.
    Conversations that wait for a reply hear of it.

    :raises InvalidValueError: field `phone`, for a sender that is no E.164 number.
    """
    checked_e164(phone_e164)
    take_turn(short_code, phone_e164)
    text = text.replace("\0", "")[:LONGEST_TEXT]
    contact = contact_of(short_code, phone_e164)
    try:
        with transaction.atomic():
            inbound = InboundText.objects.create(
                short_code=short_code,
                phone_e164=phone_e164,
                contact=contact,
                text=text,
                media=[url[:500] for url in media][:MOST_MEDIA],
                meaning=Meaning.UNKNOWN,
                provider=provider[:40],
                provider_message_id=provider_message_id[:200],
                received_at=now,
            )
    except IntegrityError:
        return InboundText.objects.get(
            provider=provider[:40], provider_message_id=provider_message_id[:200]
        )
    note_reply(short_code, phone_e164, contact, text, now)
    kind = act(inbound, now)
    if inbound.meaning == Meaning.UNKNOWN and is_in_hand(inbound):
        inbound.silence = "a help desk has an open ticket"
    else:
        answer(inbound, kind, now)
    inbound.save(update_fields=["meaning", "reply_id", "silence"])
    return inbound


def is_in_hand(inbound: InboundText) -> bool:
    """
    Say whether somebody at a help desk answers the number: then what is no keyword is theirs.

    The law's answers, to STOP, HELP, START and to what was asked, are still ours.
    """
    return Ticket.objects.filter(
        phone_subscription__phone_e164=inbound.phone_e164,
        phone_subscription__phone_list__short_code=inbound.short_code,
        closed_at__isnull=True,
    ).exists()


def contact_of(short_code: ShortCode, phone_e164: str) -> Contact | None:
    """Return whom a number is: by its consent to the short code, else by the contact's phone."""
    known = (
        PhoneSubscription.objects.filter(
            phone_list__short_code=short_code, phone_e164=phone_e164, contact__isnull=False
        )
        .select_related("contact")
        .first()
    )
    if known is not None:
        consenting: Contact | None = known.contact
        return consenting
    own = Contact.objects.filter(phone_e164=phone_e164).first()
    return own or rehearsing_contact(phone_e164)


def rehearsing_contact(phone_e164: str) -> Contact | None:
    """Return whom the sandbox last wrote to at a number."""
    last = (
        SandboxMessage.objects.filter(channel="sms", address=phone_e164, contact__isnull=False)
        .select_related("contact")
        .order_by("-pk")
        .first()
    )
    return last.contact if last else None


def note_reply(
    short_code: ShortCode, phone_e164: str, contact: Contact | None, text: str, now: datetime
) -> bool:
    """Note a reply to the last text that a number got of a short code; say whether there is one."""
    if contact is None or not text.strip():
        return False
    last = (
        Delivery.objects.filter(
            contact=contact,
            channel="sms",
            address=phone_e164,
            phone_list__short_code=short_code,
            state__in=["sent", "unknown"],
        )
        .exclude(step_key__in=[REPLY, ANSWER, ASK])
        .order_by("-pk")
        .first()
    )
    if last is None:
        return False
    record_receipts(delivery=last, kind=ReceiptKind.REPLIED.value, now=now, detail={"text": text})
    return True


def act(inbound: InboundText, now: datetime) -> str:
    """Do what a text says; return the kind of reply. Its meaning is set."""
    word = bare(inbound.text)
    code = inbound.short_code
    if word in STOP or word in code.stop_words:
        opt_out(short_code=code, phone_e164=inbound.phone_e164, now=now)
        inbound.meaning = Meaning.STOP
        return "stop"
    rows = list(
        PhoneSubscription.objects.select_for_update(of=("self",))
        .filter(phone_list__short_code=code, phone_e164=inbound.phone_e164)
        .select_related("phone_list")
        .order_by("pk")
    )
    if word in HELP or word in code.help_words:
        inbound.meaning = Meaning.HELP
        return "help"
    if word in START or word in code.start_words:
        return start_again(inbound, rows, now)
    return confirm(inbound, rows, word, now) or ask_again(inbound, rows)


def answer(inbound: InboundText, kind: str, now: datetime) -> None:
    """Queue the reply to a text, unless the number has had enough of them."""
    since = now - LOOP_WINDOW
    earlier = InboundText.objects.filter(
        short_code=inbound.short_code,
        phone_e164=inbound.phone_e164,
        received_at__gt=since,
        reply_id__isnull=False,
    ).count()
    if earlier >= MOST_REPLIES:
        inbound.silence = "enough replies for an hour"
        return
    gated = PhoneSubscription.objects.filter(
        phone_list__short_code=inbound.short_code, phone_e164=inbound.phone_e164
    ).select_related("phone_list")
    age = youngest([row for row in gated if row.phone_list.require_age_gate])
    reply = queue_reply(
        short_code=inbound.short_code,
        phone_e164=inbound.phone_e164,
        text=reply_text(inbound.short_code, kind, age=age),
        contact=inbound.contact,
        now=now,
    )
    inbound.reply_id = reply.pk if reply else None
    inbound.silence = "" if reply else "the short code has no phone list"


def answer_by_hand(
    *,
    short_code: ShortCode,
    phone_e164: str,
    text: str,
    now: datetime,
    by: User | ApiClient | None = None,
) -> Delivery:
    """
    Queue what a marketer writes to somebody who wrote to the short code.

    :raises InvalidValueError: field `text` for an empty or faulty one, `phone` for a number
        that has opted out or never wrote.
    """
    if not text.strip():
        raise InvalidValueError("text", "Write something.")
    rows = PhoneSubscription.objects.filter(
        phone_list__short_code=short_code, phone_e164=phone_e164
    )
    standing = list(rows.values_list("state", flat=True))
    if standing and set(standing) == {PhoneSubscriptionState.UNSUBSCRIBED.value}:
        raise InvalidValueError("text", f"{phone_e164} has opted out of {short_code.code}.")
    wrote = InboundText.objects.filter(short_code=short_code, phone_e164=phone_e164)
    if not standing and not wrote.exists():
        raise InvalidValueError("text", f"{phone_e164} never wrote to {short_code.code}.")
    # Of a list that it stands on: it is asked again when the text is sent.
    stands = rows.exclude(state=PhoneSubscriptionState.UNSUBSCRIBED).select_related("phone_list")
    first = stands.order_by("pk").first()
    delivery = queue_reply(
        short_code=short_code,
        phone_e164=phone_e164,
        text=text,
        contact=contact_of(short_code, phone_e164),
        phone_list=first.phone_list if first else None,
        step_key=ANSWER,
        now=now,
    )
    if delivery is None:
        raise InvalidValueError("text", f"{short_code.code} has no phone list.")
    record(verb="answered", noun="phone", object_id=delivery.pk, now=now, by=by)
    return delivery
