"""
Messages sent one by one as a shop asks: TransactionalMessage of emails and of texts.

Every saved message of a list is one of its transactional messages, under the same id: that a
message is a transaction is said by who sends it. It changes nobody's subscription, and goes to
who is on no list or has left it, but to no suppressed address. A text goes to nobody who has
not agreed to its phone list.
"""

import uuid
from typing import Any

from django.db.models import QuerySet
from ninja import Query
from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
)
from contacts import actions as people
from contacts.api.contacts import FieldValueIn
from contacts.identity import normalise_phone
from contacts.models import ProfileField
from messaging import actions, reports
from messaging.actions import broadcasts
from messaging.api.reporting import (
    REPORTS,
    ActivityOut,
    ActivityQuery,
    activity_fields,
    asked_activity,
    page_after,
    read_address,
)
from messaging.api.saved_messages import messages_of
from messaging.api.short_codes import found_phone_list
from messaging.models import Broadcast, Delivery, PhoneSubscription, SavedMessage, SmsMessage
from messaging.models.sms import PhoneSubscriptionState

transactions = Frame("/email/v1", integration="email", tag="TransactionalMessage")
texts = Frame("/sms/v1", integration="sms", tag="TransactionalMessage")

MESSAGES = "/List/{list_id}/TransactionalMessage"
MESSAGE = MESSAGES + "/{transactional_message_id}"
LEVELS = ["List", "Message"]
SUBSCRIBED = PhoneSubscriptionState.SUBSCRIBED.value
PENDING = PhoneSubscriptionState.PENDING.value


class TransactionalMessageOut(WireOut):
    """A message that may be sent one by one."""

    transactional_message_id: int
    transactional_message_name: str
    campaign_id: int
    external_campaign_id: str
    subject: str


class TransactionIn(WireIn):
    """To whom a message goes, and what stands in for the profile's values."""

    email_address: str
    segmentation_field_values: list[FieldValueIn] = []


class TextIn(WireIn):
    """To what number a text goes; `messageContent` stands in for the message's own words."""

    phone_number: str
    message_content: str = ""


class ResendQuery(WireIn):
    """To whom a message goes once more, if not to whom it went."""

    forward_address: str = ""


class TransactionActivityOut(ActivityOut):
    """What a recipient did with a message, and the key by which it is sent once more."""

    external_contact_id: str | None = Field(alias="externalContactID")
    resend_key: str


def transactional_out(row: SavedMessage) -> TransactionalMessageOut:
    """Write a message as the wire has it."""
    return TransactionalMessageOut(
        transactional_message_id=row.pk,
        transactional_message_name=row.name,
        campaign_id=row.campaign_id or 0,
        external_campaign_id=row.external_campaign_id,
        subject=row.subject,
    )


def resend_key(delivery_id: int, account_id: int) -> str:
    """Return the key of a delivery: a UUID whose second half is the id, the first a check of it."""
    check = uuid.uuid5(uuid.NAMESPACE_OID, f"{account_id}/{delivery_id}").bytes[:8]
    return str(uuid.UUID(bytes=check + delivery_id.to_bytes(8, "big")))


def keyed_delivery(transactions: "QuerySet[Delivery]", key: str, account_id: int) -> Delivery:
    """
    Return the delivery of a key.

    :raises NotFoundError: for a key that is none of ours.
    """
    try:
        delivery_id = int.from_bytes(uuid.UUID(key).bytes[8:], "big")
    except ValueError as unreadable:
        raise NotFoundError from unreadable
    if delivery_id >= 2**63 or resend_key(delivery_id, account_id) != str(uuid.UUID(key)):
        raise NotFoundError
    return found(transactions, pk=delivery_id)


@transactions.get(MESSAGES, answer=Collection[TransactionalMessageOut], levels=LEVELS)
def all_transactional(request: WireRequest, list_id: Id) -> Collection[TransactionalMessageOut]:
    """
    Return the messages of a list that may be sent one by one.

    Every saved message is one, under the same id.
    """
    rows = messages_of(list_id).defer("mjml", "html", "text")
    return Collection[TransactionalMessageOut](data=[transactional_out(row) for row in rows])


@transactions.get(MESSAGE, answer=Resource[TransactionalMessageOut], levels=LEVELS)
def one_transactional(
    request: WireRequest, list_id: Id, transactional_message_id: Id
) -> Resource[TransactionalMessageOut]:
    """Return a message that may be sent one by one."""
    row = found(messages_of(list_id), pk=transactional_message_id)
    return Resource[TransactionalMessageOut](data=transactional_out(row))


@transactions.post(MESSAGE + "/Message", levels=LEVELS)
def send_transactional(
    request: WireRequest, list_id: Id, transactional_message_id: Id, body: TransactionIn
) -> Created:
    """
    Send a message to one address now.

    The values stand in for the profile's in this message alone. The `resourceId` is the text
    "null", as it always was.
    """
    row = found(messages_of(list_id).select_related("list"), pk=transactional_message_id)
    address = read_address("emailAddress", body.email_address)
    if not address:
        raise InvalidParameterError("emailAddress")
    values = checked_values(list_id, body.segmentation_field_values)
    contact = people.save_contact(email=body.email_address, now=request.now).contact
    broadcasts.send_transaction(
        message=actions.commit_email(saved_message=row, now=request.now),
        transactions=broadcasts.transactions_of(saved=row, in_list=row.list, now=request.now),
        contact=contact,
        address=address,
        values=values,
        now=request.now,
        by=request.client,
    )
    return created("null")


def checked_values(list_id: int, given: list[FieldValueIn]) -> dict[int, Any]:
    """
    Return values by their fields' ids, each as text.

    :raises Refused: for a field that comes twice.
    :raises InvalidParameterError: for one that the list has not.
    """
    values = {
        each.segmentation_field_id: "" if each.value is None else str(each.value) for each in given
    }
    if len(values) < len(given):
        raise Refused(
            code="ERROR_SEGMENTATION_FIELD_DEFINED_TWICE",
            message="A segmentation field has been defined more than once.",
        )
    if ProfileField.objects.filter(list=list_id, pk__in=values).count() < len(values):
        raise InvalidParameterError("segmentationFieldId")
    if any("\0" in value for value in values.values()):
        raise InvalidParameterError("segmentationFieldValues")
    return values


def sent_of(list_id: int, message_id: int) -> "QuerySet[Broadcast]":
    """
    Return what stands for all that was sent of a message; none if nothing was.

    :raises NotFoundError: if the list has no such message.
    """
    row = found(messages_of(list_id), pk=message_id)
    return Broadcast.objects.filter(saved_message=row, kind="Transactional")


@transactions.get(MESSAGE + "/Activity", answer=Page[TransactionActivityOut], levels=REPORTS)
def transactional_activity(
    request: WireRequest,
    list_id: Id,
    transactional_message_id: Id,
    wanted: Query[ActivityQuery],
) -> Page[TransactionActivityOut]:
    """
    Return who was sent a message one by one, and what each did with it.

    As for a message; `resendKey` sends that very one once more.
    """
    sent = sent_of(list_id, transactional_message_id).first()
    asked = asked_activity(wanted, request)
    rows: list[dict[str, Any]] = []
    if sent is not None:
        scope = reports.of_broadcast(sent)
        rows = reports.recipients(scope, asked, after=wanted.after, most=wanted.count + 1)
    account_id = request.account.pk
    return page_after(
        TransactionActivityOut,
        rows,
        wanted,
        request,
        id_of=lambda row: row["id"],
        write=lambda row: TransactionActivityOut(
            **activity_fields(row), resend_key=resend_key(row["id"], account_id)
        ),
    )


@transactions.post(MESSAGE + "/Resend/{resend_key}", levels=LEVELS)
def resend_transactional(
    request: WireRequest,
    list_id: Id,
    transactional_message_id: Id,
    resend_key: str,
    wanted: Query[ResendQuery],
) -> Created:
    """
    Send a message once more, as it was: to whom it went, or to `forwardAddress`.

    It has the values that it had. The key is `resendKey` of its activity; of who was forgotten there
    is nothing to send (404). The `resourceId` is the text "null".
    """
    sent = sent_of(list_id, transactional_message_id).values_list("pk", flat=True)
    # Of whom is forgotten nothing is left to send.
    rows = Delivery.objects.filter(broadcast_id__in=list(sent), contact__isnull=False)
    delivery = keyed_delivery(rows, resend_key, request.account.pk)
    broadcasts.send_again(
        delivery=delivery,
        address=read_address("forwardAddress", wanted.forward_address),
        now=request.now,
        by=request.client,
    )
    return created("null")


@texts.post(
    "/ShortCode/{sender_code_id}/PhoneList/{phone_list_id}"
    "/TransactionalMessage/{transactional_message_id}/Message",
    names={"text": "messageContent"},
)
def send_text(
    request: WireRequest,
    sender_code_id: Id,
    phone_list_id: Id,
    transactional_message_id: Id,
    body: TextIn,
) -> Created:
    """
    Send a text to one number that has agreed to the phone list.

    `messageContent` stands in for the message's own words. A number that has not agreed is refused
    with `ERROR_PHONE_NUMBER_NOT_SUBSCRIBED`, one that is asked with `ERROR_PENDING_PHONE_NUMBER`. It
    goes out ahead of what is in bulk.
    """
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    row = found(SmsMessage.objects.filter(phone_list=phone_list), pk=transactional_message_id)
    row.phone_list = phone_list
    consent = consent_of(phone_list.pk, body.phone_number, phone_list.short_code.country)
    own_words = body.message_content
    message = (
        actions.commit_words(
            sms_message=row, phone_list=phone_list, text=own_words, now=request.now
        )
        if own_words
        else actions.commit_sms(sms_message=row, phone_list=phone_list, now=request.now)
    )
    contact = consent.contact
    if contact is None:
        number = consent.phone_e164
        contact = people.save_contact(phone=number, now=request.now).contact
    made = broadcasts.send_transaction(
        message=message,
        transactions=broadcasts.transactions_of(
            saved=row, in_list=phone_list.short_code.email_list, now=request.now
        ),
        contact=contact,
        address=consent.phone_e164,
        phone_list=phone_list,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


def consent_of(phone_list_id: int, number: str, country: str) -> PhoneSubscription:
    """
    Return the consent of a number to a phone list.

    :raises Refused: with the wire's code, for what is no number, is not there, has not agreed.
    """
    try:
        phone = normalise_phone(number, country)
    except InvalidValueError as bad:
        raise Refused(code="ERROR_INVALID_PHONE_NUMBER", message=bad.message) from bad
    rows = PhoneSubscription.objects.filter(phone_list=phone_list_id, phone_e164=phone)
    consent = rows.select_related("contact").first()
    if consent is not None and consent.state == SUBSCRIBED:
        return consent
    if consent is not None and consent.state == PENDING:
        raise Refused(
            code="ERROR_PENDING_PHONE_NUMBER",
            message="The phone number provided is already pending subscription through double opt in.",
        )
    raise Refused(
        code="ERROR_PHONE_NUMBER_NOT_SUBSCRIBED",
        message="The phone number provided is not subscribed to the list.",
    )
