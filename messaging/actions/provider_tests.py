"""A test of a provider: one message to whoever asks for it, and how it went."""

import secrets as drawn
from datetime import datetime

from accounts.actions import InvalidValueError
from accounts.models import ApiClient, List, User
from accounts.tenancy import current_account_id
from contacts.identity import normalise_phone
from messaging.actions.providers import forget_troubles, note, note_error
from messaging.mime import Envelope, Letter, Skeleton, one_line
from messaging.models import PhoneSubscription, Provider
from messaging.models.message import Channel
from messaging.providers import Outgoing


def test_message(*, provider: Provider, user: User, number: str, now: datetime) -> Outgoing:
    """
    Return what a test of a provider sends: to the asker's own address, or a number that agreed.

    :raises InvalidValueError: where there is nobody to send it, or to get it.
    """
    if provider.channel == Channel.EMAIL:
        return test_email(user, now=now)
    phone = normalise_phone(number, "US")
    agreed = (
        PhoneSubscription.objects.filter(phone_e164=phone, state="Subscribed")
        .select_related("phone_list__short_code")
        .order_by("pk")
        .first()
    )
    if agreed is None:
        raise InvalidValueError(
            "number", f"{phone} has agreed to no phone list: add it to one first."
        )
    return Outgoing(
        delivery_id=0,
        account_id=current_account_id() or 0,
        channel=provider.channel,
        address=phone,
        sender=agreed.phone_list.short_code.code,
        text="This is a test of your connection.",
    )


def test_email(user: User, *, now: datetime) -> Outgoing:
    """
    Return a test email, from the first list that has a sender.

    :raises InvalidValueError: if no list has one.
    """
    sender = List.objects.exclude(from_email="").order_by("pk").first()
    if sender is None:
        raise InvalidValueError("sender", "Give a list a From email first.")
    skeleton = Skeleton(from_email=sender.from_email, reply_to="")
    domain = sender.from_email.rpartition("@")[2]
    envelope = Envelope(to=user.email, message_id=f"{drawn.token_hex(12)}.test@{domain}", at=now)
    text = "This is a test of your connection. It works.\n"
    letter = Letter(
        subject="A test of your connection", from_name=sender.from_name, html="", text=text
    )
    name = one_line(sender.from_name)
    return Outgoing(
        delivery_id=0,
        account_id=current_account_id() or 0,
        channel=Channel.EMAIL.value,
        address=user.email,
        sender=f"{name} <{sender.from_email}>" if name else sender.from_email,
        subject=letter.subject,
        text=text,
        raw=skeleton.fill(letter, envelope),
    )


def note_test(
    *, provider: Provider, wrong: str, now: datetime, by: User | ApiClient | None = None
) -> None:
    """Keep how a test of a provider went; one that went well ends its back-off."""
    if wrong:
        note_error(provider, wrong, now=now)
    else:
        forget_troubles(provider)
    provider.save()
    note(provider, "tested", now=now, by=by)
