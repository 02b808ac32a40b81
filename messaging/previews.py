"""Messages as one contact would see them, before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.actions import InvalidValueError
from accounts.models import List
from accounts.tenancy import current_account_id
from contacts.models import Contact, Subscription, SubscriptionState
from messaging import rendering, samples, wording
from messaging.actions.commits import frozen
from messaging.actions.messages import WORDS as SIZED
from messaging.actions.messages import check_length
from messaging.models import CommittedMessage, Delivery
from messaging.models.message import Channel
from messaging.purchases import latest_order_event
from messaging.segments import Segments, count_segments
from messaging.sending.claim import PERSON, Claimed
from messaging.sending.compose import context_of, load_frame, plan_for, sources_of
from messaging.sending.finishing import Finisher
from messaging.tracking.rules import rules_of
from messaging.tracking.texts import with_sample_links

MOST_CHOICES = 50


@dataclass(frozen=True)
class Preview:
    """The parts filled in, or what is wrong with them."""

    parts: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    # An email as it would go over the wire.
    raw: bytes = b""

    @property
    def segments(self) -> Segments:
        """The parts of a text message on the air."""
        return count_segments(self.parts.get("text", ""))


def preview_email(
    content: Mapping[str, str],
    *,
    in_list: List,
    contact: Contact | None,
    now: datetime,
    transactional: bool = False,
    delivery_id: int = 0,
    message_id: int = 0,
) -> Preview:
    """
    Fill an email in for a contact (a sample where there is none), as sending does.

    `content`: name, subject, preheader, from_name, from_email, reply_to, text and html or mjml.
    The HTML comes with preheader, footer, links and pixel; the links work, and are nobody's.
    Given a delivery's id and its message's, the bytes are that delivery's.
    """
    try:
        for part in SIZED:
            check_length(part, content.get(part, ""))
    except InvalidValueError as refused:
        return Preview(fault=refused.message)
    parts = frozen(content, in_list)
    if content.get("mjml", "").strip():
        try:
            parts["html"] = rendering.compile_mjml(content["mjml"])
        except rendering.TemplateFaultError as fault:
            return Preview(fault=f"The MJML does not compile: {fault}")
    message = CommittedMessage(
        list=in_list, channel=Channel.EMAIL, name=content.get("name", ""), content=parts
    )
    row = replace(
        as_if_claimed(in_list, contact, channel=Channel.EMAIL),
        id=delivery_id,
        message_id=message_id,
        is_transactional=transactional,
    )
    return filled(message, row, contact, now=now)


def preview_sms(text: str, *, in_list: List, contact: Contact | None, now: datetime) -> Preview:
    """Fill a text message in for a contact (a sample where there is none), its links short."""
    content = {"text": text}
    message = CommittedMessage(list=in_list, channel=Channel.SMS, content=content)
    row = as_if_claimed(in_list, contact, channel=Channel.SMS)
    shown = filled(message, row, contact, now=now)
    parts = {
        part: with_links_of(in_list, said.strip(), content) for part, said in shown.parts.items()
    }
    return replace(shown, parts=parts)


def with_links_of(in_list: List, text: str, content: Mapping[str, str]) -> str:
    """Return a filled-in text with links as long as its list will send them."""
    rules = rules_of(in_list, in_list.account)
    if not rules.tracks_clicks:
        return text
    account_id = current_account_id() or 0
    return with_sample_links(text, content, base=rules.base, account_id=account_id)


def filled(
    message: CommittedMessage, row: Claimed, contact: Contact | None, *, now: datetime
) -> Preview:
    """Render a message for one contact; a fault is said in words."""
    row = replace(row, event=trial_event(message, contact))
    frame = load_frame([row], account_id=row.account_id, messages={row.message_id: message})
    plan = plan_for(message, frame, transactional=row.is_transactional)
    context = context_of(row, frame, now=now, plan=plan)
    (result,) = rendering.render(sources_of(message, plan), [context])
    if isinstance(result, rendering.TemplateFaultError):
        return Preview(fault=in_words(result))
    if message.channel == Channel.SMS:
        return Preview(parts=result)
    mail = Finisher(message, plan, frame.rules[row.list_id], now=now).email(row, result)
    return Preview(parts={**result, "html": mail.html}, raw=mail.raw)


def trial_event(message: CommittedMessage, contact: Contact | None) -> dict[str, str]:
    """Return the event of a preview or test: the contact's latest order, if an order is shown."""
    return latest_order_event(contact) if wording.names(message.content, "order") else {}


def in_words(fault: rendering.TemplateFaultError) -> str:
    """Return a template's fault as a sentence."""
    where = SIZED.get(fault.part, "The message")
    return f"{where} does not compile: {fault}"


def as_if_claimed(in_list: List, contact: Contact | None, *, channel: str) -> Claimed:
    """Return a contact as sending sees it, of a test."""
    subscription = (
        Subscription.objects.filter(list=in_list, contact=contact).first() if contact else None
    )
    return Claimed(
        id=0,
        account_id=current_account_id() or 0,
        channel=channel,
        address=address_of(contact) if channel == Channel.EMAIL else "",
        list_id=in_list.pk,
        contact_id=contact.pk if contact else None,
        message_id=0,
        event={},
        contact=person(contact),
        profile=dict(subscription.profile) if subscription else {},
        short_code="",
        resend_unknown=False,
        attempts=0,
        is_test=True,
    )


def address_of(contact: Contact | None) -> str:
    """Return where a contact's mail goes."""
    return contact.email_norm if contact else samples.PERSON["email"]


def person(contact: Contact | None) -> dict[str, Any]:
    """Return a contact's own values, a sample's where there is none."""
    if contact is None:
        return dict(samples.PERSON)
    values = {name: getattr(contact, name) for name in PERSON}
    values["birthday"] = contact.birthday.isoformat() if contact.birthday else ""
    values["email"] = contact.email or contact.email_norm
    return {**values, "phone": contact.phone_e164}


def as_it_was_sent(delivery: Delivery, *, now: datetime) -> dict[str, str] | None:
    """
    Return an email's parts as its recipient may read them in a browser.

    Its words are those of then; what it says of the recipient is as of now. None where a
    template fails.
    """
    account_id, message_id = delivery.account_id or 0, delivery.message_id or 0
    row = replace(
        as_if_claimed(delivery.list, delivery.contact, channel=Channel.EMAIL),
        id=delivery.pk,
        address=delivery.address,
        message_id=message_id,
        event=dict(delivery.event_properties),
        is_transactional=delivery.is_transactional,
        is_test=delivery.is_test,
    )
    frame = load_frame([row], account_id=account_id)
    message = frame.messages[message_id]
    plan = plan_for(message, frame, transactional=row.is_transactional)
    context = context_of(row, frame, now=now, plan=plan)
    (result,) = rendering.render(sources_of(message, plan), [context])
    if isinstance(result, rendering.TemplateFaultError):
        return None
    finish = Finisher(message, plan, frame.rules[delivery.list_id], now=now)
    return {**result, "html": finish.finished(row, result)}


def contact_choices(in_list: List) -> list[tuple[str, str]]:
    """Return the contacts a preview offers: the newest of the list, by address."""
    newest: QuerySet[Subscription, Any] = (
        Subscription.objects.filter(list=in_list, state=SubscriptionState.SUBSCRIBED)
        .select_related("contact")
        .order_by("-pk")[:MOST_CHOICES]
    )
    named = [(str(one.contact_id), named_contact(one.contact)) for one in newest]
    return [("", "A sample contact"), *named]


def named_contact(contact: Contact) -> str:
    """Return what a contact is called in a drop-down."""
    name = f"{contact.first_name} {contact.last_name}".strip()
    address = contact.email or contact.phone_e164 or contact.external_id
    return f"{name} ({address})" if name and address else name or address or str(contact)


def chosen_contact(value: str) -> Contact | None:
    """Return the contact that a form or an address names, if there is one."""
    return Contact.objects.filter(pk=int(value)).first() if value.isdecimal() else None
