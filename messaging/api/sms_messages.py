"""SMS messages: read as the wire's TransactionalMessage; beyond the wire, created."""

from django.db.models import QuerySet

from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    Page,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
)
from messaging import actions
from messaging.api.short_codes import found_phone_list
from messaging.models import SmsMessage

sms_messages = Frame("/sms/v1", integration="sms", tag="TransactionalMessage")
sending = Frame("/conductor/v1", integration="sms", tag="SmsMessage")

LIST = "/ShortCode/{sender_code_id}/PhoneList/{phone_list_id}"


class TransactionalMessage(WireOut):
    """An SMS message, as the wire has it."""

    transactional_message_id: int
    transactional_message_name: str
    transactional_message_status: str = "Active"


class SmsMessageIn(WireIn):
    """An SMS message to be."""

    name: str
    text: str
    media_url: str = ""


class SmsMessageOut(WireOut):
    """An SMS message, whole."""

    sms_message_id: int
    name: str
    text: str
    media_url: str


def messages_of(sender_code_id: int, phone_list_id: int) -> "QuerySet[SmsMessage]":
    """Return the messages of a phone list."""
    phone_list = found_phone_list(sender_code_id, phone_list_id)
    return SmsMessage.objects.filter(phone_list=phone_list).order_by("pk")


def transactional(message: SmsMessage) -> TransactionalMessage:
    """Write a message as the wire has it."""
    return TransactionalMessage(
        transactional_message_id=message.pk, transactional_message_name=message.name
    )


@sms_messages.get(LIST + "/TransactionalMessage", answer=Page[TransactionalMessage])
def all_transactional(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id
) -> Page[TransactionalMessage]:
    """Return the messages of a phone list, all on one page."""
    rows = messages_of(sender_code_id, phone_list_id)
    return Page[TransactionalMessage](
        next_page_cursor=None, data=[transactional(row) for row in rows]
    )


@sms_messages.get(
    LIST + "/TransactionalMessage/{transactional_message_id}",
    answer=Resource[TransactionalMessage],
)
def one_transactional(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id, transactional_message_id: Id
) -> Resource[TransactionalMessage]:
    """Return a message of a phone list."""
    row = found(messages_of(sender_code_id, phone_list_id), pk=transactional_message_id)
    return Resource[TransactionalMessage](data=transactional(row))


@sending.get(LIST + "/SmsMessage", answer=Collection[SmsMessageOut])
def all_sms_messages(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id
) -> Collection[SmsMessageOut]:
    """Return the messages of a phone list, whole."""
    return Collection[SmsMessageOut](
        data=[
            SmsMessageOut(
                sms_message_id=row.pk, name=row.name, text=row.text, media_url=row.media_url
            )
            for row in messages_of(sender_code_id, phone_list_id)
        ]
    )


@sending.post(LIST + "/SmsMessage")
def create_sms_message(
    request: WireRequest, sender_code_id: Id, phone_list_id: Id, body: SmsMessageIn
) -> Created:
    """
    Create a message of a phone list.

    `text` is a template; a fault in it is refused with its place. With `mediaUrl` it is sent as
    MMS. It is a TransactionalMessage of Listrak's API under the same id.
    """
    made = actions.create_sms_message(
        phone_list=found_phone_list(sender_code_id, phone_list_id),
        name=body.name,
        text=body.text,
        media_url=body.media_url,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)
