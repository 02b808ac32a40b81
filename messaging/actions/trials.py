"""Test sends: one message to one address, marked, in no statistics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from accounts.tenancy.wake import wake
from contacts.identity import normalise_email, normalise_phone
from contacts.models import Contact, Subscription, SubscriptionState
from messaging.models import CommittedMessage, Delivery, PhoneList, PhoneSubscription
from messaging.models.message import Channel


def send_test_email(
    *,
    message: CommittedMessage,
    address: str,
    now: datetime,
    contact: Contact | None = None,
    event: Mapping[str, Any] | None = None,
    by: User | ApiClient | None = None,
) -> Delivery:
    """
    Queue one copy of an email to any address, filled in for `contact`.

    A colleague's address need be on no list; one that has unsubscribed from this list is
    refused all the same.

    :raises InvalidValueError: for what is no address, or has unsubscribed.
    """
    to = normalise_email(address)
    gone = Subscription.objects.filter(
        list=message.list_id, contact__email_norm=to, state=SubscriptionState.UNSUBSCRIBED
    )
    if gone.exists():
        raise InvalidValueError("address", f"{to} has unsubscribed from this list.")
    return queue_test(message, to, contact=contact, event=event, now=now, by=by)


def send_test_sms(
    *,
    message: CommittedMessage,
    phone_list: PhoneList,
    number: str,
    now: datetime,
    contact: Contact | None = None,
    event: Mapping[str, Any] | None = None,
    by: User | ApiClient | None = None,
) -> Delivery:
    """
    Queue one copy of a text, filled in for `contact`.

    A test is no way around consent: the number must be subscribed to the phone list.

    :raises InvalidValueError: for what is no number, or has not agreed to the list.
    """
    phone = normalise_phone(number, phone_list.short_code.country)
    agreed = PhoneSubscription.objects.filter(
        phone_list=phone_list, phone_e164=phone, state="Subscribed"
    )
    if not agreed.exists():
        raise InvalidValueError(
            "address",
            f"{phone} has not agreed to messages of {phone_list.name}: add it to the list first.",
        )
    return queue_test(
        message, phone, contact=contact, event=event, now=now, by=by, phone_list=phone_list
    )


def queue_test(
    message: CommittedMessage,
    address: str,
    *,
    contact: Contact | None,
    event: Mapping[str, Any] | None,
    now: datetime,
    by: User | ApiClient | None,
    phone_list: PhoneList | None = None,
) -> Delivery:
    """Write the delivery of a test and wake the sender."""
    delivery = Delivery.objects.create(
        channel=Channel(message.channel),
        list_id=message.list_id,
        contact=contact,
        phone_list=phone_list,
        message=message,
        address=address,
        state="queued",
        event_properties=dict(event or {}),
        is_test=True,
        queued_at=now,
    )
    record(verb="tested", noun="message", object_id=message.pk, now=now, by=by)
    wake("urgent")
    return delivery
