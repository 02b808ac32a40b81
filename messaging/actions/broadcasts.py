"""Broadcasts: one message to an audience at its time; and single ones that a shop asks for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from accounts.tenancy.wake import wake
from contacts.models import Contact, Segment
from messaging.actions.trials import send_test_email
from messaging.models import (
    Broadcast,
    BroadcastKind,
    BroadcastStatus,
    Campaign,
    CommittedMessage,
    Delivery,
    PhoneList,
    SavedMessage,
    SmsMessage,
)
from messaging.models.broadcast import FORWARDED, VALUES
from messaging.models.message import Channel
from messaging.models.sms import MessageType

By = User | ApiClient | None
MOST_VALUES = 200_000  # characters of the values of one transaction
# That a check box is on, as a resolved rule, without the box.
CHECKED = {"leaf": "field", "family": "check", "operators": {"checked": True}}


class TooLateError(InvalidValueError):
    """A broadcast that cannot be called back: it is being sent, or is over."""

    code = "ERROR_MESSAGE_SENT"


def audience_rule(
    *,
    included: Sequence[Segment] = (),
    excluded: Sequence[Segment] = (),
    resolved: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """
    Return whom a message is for, as a resolved rule; None is everybody.

    That is who is in one of the included segments (where any is named), in none of the excluded
    ones, and of whom `resolved` holds.
    """
    parts: list[dict[str, Any]] = []
    if included:
        parts.append({"any": [_in(segment) for segment in included]})
    parts += [{"not": _in(segment)} for segment in excluded]
    if resolved is not None:
        parts.append(dict(resolved))
    return {"all": parts} if parts else None


def _in(segment: Segment) -> dict[str, Any]:
    return {"leaf": "segment", "segment_id": segment.pk}


def plan_broadcast(
    *,
    message: CommittedMessage,
    send_at: datetime,
    now: datetime,
    included: Sequence[Segment] = (),
    excluded: Sequence[Segment] = (),
    rule: Mapping[str, Any] | None = None,
    by: By = None,
    **about: Any,
) -> Broadcast:
    """
    Send a message to an audience of its list at a time; one that has passed is now.

    `rule` is a resolved rule; `about` are further fields of `Broadcast`.

    :raises InvalidValueError: field `postalAddress`, for an email of an account that has none:
        the law wants it in whatever is no transaction.
    """
    in_list: List = message.list
    is_email = message.channel == Channel.EMAIL
    if is_email and not in_list.account.postal_address.strip():
        raise InvalidValueError(
            "postalAddress", "The account needs a postal address before it sends emails."
        )
    made = Broadcast.objects.create(
        list=in_list,
        channel=message.channel,
        message=message,
        segment=included[0] if len(included) == 1 else None,
        rule=audience_rule(included=included, excluded=excluded, resolved=rule),
        included=[segment.name for segment in included],
        excluded=[segment.name for segment in excluded],
        created_at=now,
        send_at=max(send_at, now),
        **about,
    )
    record(verb="planned", noun="broadcast", object_id=made.pk, now=now, by=by)
    if made.send_at <= now:
        wake("broadcast")
    return made


def cancel_broadcast(*, broadcast: Broadcast, now: datetime, by: By = None) -> None:
    """
    Call a broadcast back before its time.

    :raises TooLateError: once it is being sent.
    """
    held = Broadcast.objects.select_for_update().get(pk=broadcast.pk)
    if held.status != BroadcastStatus.WAITING:
        raise TooLateError("messageId", "The message is being sent, or is over.")
    Broadcast.objects.filter(pk=held.pk).update(status=BroadcastStatus.CANCELED, ended_at=now)
    record(verb="canceled", noun="broadcast", object_id=held.pk, now=now, by=by)


def send_copy(
    *,
    message: CommittedMessage,
    addresses: Sequence[str],
    kind: BroadcastKind,
    now: datetime,
    by: By = None,
    **about: Any,
) -> Broadcast:
    """
    Send a test or a copy to review to some addresses, on no list's account.

    :raises InvalidValueError: as `send_test_email`.
    """
    made = Broadcast.objects.create(
        list=message.list,
        channel=message.channel,
        kind=kind,
        status=BroadcastStatus.SENT,
        message=message,
        created_at=now,
        send_at=now,
        started_at=now,
        ended_at=now,
        counts={"eligible": len(addresses), "reasons": {}},
        **about,
    )
    for address in addresses:
        delivery = send_test_email(message=message, address=address, now=now, by=by)
        Delivery.objects.filter(pk=delivery.pk).update(broadcast_id=made.pk)
    return made


def transactions_of(*, saved: SavedMessage | SmsMessage, in_list: List, now: datetime) -> Broadcast:
    """Return the broadcast that stands for all that is sent one by one of a message."""
    by_text = isinstance(saved, SmsMessage)
    made, _ = Broadcast.objects.get_or_create(
        kind=BroadcastKind.TRANSACTIONAL,
        **{"sms_message" if by_text else "saved_message": saved},
        defaults={
            "list": in_list,
            "channel": Channel.SMS if by_text else Channel.EMAIL,
            "phone_list": saved.phone_list if isinstance(saved, SmsMessage) else None,
            "status": BroadcastStatus.SENT,
            "created_at": now,
            "send_at": now,
            "started_at": now,
        },
    )
    return made


def send_transaction(
    *,
    message: CommittedMessage,
    transactions: Broadcast,
    contact: Contact,
    address: str,
    now: datetime,
    values: Mapping[int, Any] | None = None,
    phone_list: PhoneList | None = None,
    by: By = None,
) -> Delivery:
    """
    Queue one message that somebody's own act asked for: an order, a new password.

    Whether the person is on the list says nothing of it, a suppressed address does. `values`
    stand in for the profile's, in this message alone. A text goes only to who agreed to its
    phone list.

    :raises InvalidValueError: field `segmentationFieldValues`, for more than a sender takes in its
        hands: it holds some hundred messages at a time.
    """
    if sum(len(str(value)) for value in (values or {}).values()) > MOST_VALUES:
        raise InvalidValueError(
            "segmentationFieldValues", f"The values have at most {MOST_VALUES:,} characters in all."
        )
    made = Delivery.objects.create(
        channel=Channel(message.channel),
        list_id=message.list_id,
        contact=contact,
        phone_list=phone_list,
        message=message,
        address=address,
        state="queued",
        broadcast_id=transactions.pk,
        event_properties={VALUES: {str(key): value for key, value in (values or {}).items()}},
        is_transactional=True,
        queued_at=now,
    )
    record(verb="sent", noun="transaction", object_id=made.pk, now=now, by=by)
    wake("urgent")
    return made


def send_again(*, delivery: Delivery, now: datetime, address: str = "", by: By = None) -> Delivery:
    """
    Queue a transaction once more, as it was, to whom it went or to another address.

    To another address it says what it said, but its links and its pixel are nobody's: a stranger
    chooses nothing in the recipient's name, and what the stranger reads the recipient has not.
    """
    is_forwarded = bool(address) and address.lower() != delivery.address.lower()
    event = delivery.event_properties | ({FORWARDED: True} if is_forwarded else {})
    made = Delivery.objects.create(
        channel=delivery.channel,
        list_id=delivery.list_id,
        contact_id=delivery.contact_id,
        phone_list_id=delivery.phone_list_id,
        message_id=delivery.message_id,
        address=address or delivery.address,
        state="queued",
        broadcast_id=delivery.broadcast_id,
        event_properties=event,
        is_transactional=True,
        queued_at=now,
    )
    record(verb="sent again", noun="transaction", object_id=made.pk, now=now, by=by)
    wake("urgent")
    return made


def broadcast_text(
    *,
    message: CommittedMessage,
    phone_list: PhoneList,
    title: str,
    now: datetime,
    box: int | None = None,
    by: By = None,
) -> Broadcast:
    """
    Text a phone list now, with a `box` those who have that check box of the email list on.

    :raises InvalidValueError: field `phoneListId`, for one that is not active or that the short
        code is not provisioned for; `messageTitle`, for a title that is not 1 to 50 characters.
    """
    title = " ".join(title.split())
    if not 0 < len(title) <= 50 or "\0" in title:
        raise InvalidValueError("messageTitle", "The title has 1 to 50 characters.")
    provisioned = phone_list.kind in phone_list.short_code.message_types
    if not (phone_list.is_active and provisioned):
        raise InvalidValueError("phoneListId", "The list sends nothing at the moment.")
    return plan_broadcast(
        message=message,
        send_at=now,
        now=now,
        rule=None if box is None else {**CHECKED, "field_id": box},
        by=by,
        name=title,
        phone_list=phone_list,
        options={"transactional": phone_list.kind == MessageType.TRANSACTIONAL, "box": box},
    )


def campaign_fields(campaign: Campaign | None, external_campaign_id: str) -> dict[str, Any]:
    """
    Return what a message is filed under.

    :raises InvalidValueError: field `externalCampaignId`, for one that is too long.
    """
    external = external_campaign_id.strip()
    if len(external) > 120:
        raise InvalidValueError("externalCampaignId", "It has at most 120 characters.")
    return {"campaign": campaign, "external_campaign_id": external}
