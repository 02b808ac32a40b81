"""Why a contact is where it is: for support, and for shops that ask."""

from collections.abc import Sequence
from datetime import datetime

from ninja import Query
from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import (
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    found,
)
from conductor.conversations.explaining import Place, Told, explain
from conductor.conversations.models import Conversation
from contacts.actions import find_contact
from contacts.identity import DEFAULT_REGION, normalise_email, normalise_phone
from contacts.models import Contact, Subscription
from messaging.models import ShortCode

explanations = Frame("/conductor/v1", integration="email", tag="Conversations")


class WhoQuery(WireIn):
    """Whom: exactly one of them."""

    email_address: str = ""
    phone_number: str = ""
    external_contact_id: str = Field("", alias="externalContactID")


class ToldOut(WireOut):
    """One thing that happened or did not; `code` is of the closed list of reasons."""

    date: datetime
    what: str
    reason: str | None
    code: str | None
    text: str | None
    step_key: str | None
    channel: str | None
    not_before: datetime | None


class PlaceOut(WireOut):
    """Where the contact is, and when it goes on."""

    enrollment_id: int
    version: int
    thread: str
    step_key: str
    state: str
    since: datetime
    next: datetime | None
    reason: str | None
    text: str


class ExplanationOut(WireOut):
    """Why not entered, why not sent, where is it, when next."""

    contact_id: int
    email_address: str | None
    entered: bool
    code: str | None
    text: str
    place: PlaceOut | None
    entries: list[ToldOut]
    refusals: list[ToldOut]
    messages: list[ToldOut]
    failures: list[ToldOut]
    waiting: list[ToldOut]


@explanations.get(
    "/Conversation/{conversation_id}/Explanation",
    answer=Resource[ExplanationOut],
    levels=["Contact"],
)
def read_explanation(
    request: WireRequest, conversation_id: Id, query: Query[WhoQuery]
) -> Resource[ExplanationOut]:
    """
    Say why a contact has not entered, why it was not sent to, where it is, when it goes on.

    The contact is named by `emailAddress`, `phoneNumber` or `externalContactID`. `code` is
    always of the closed list of reasons; `reason` is the conversation's own word.
    """
    drawn = Conversation.objects.select_related("list").filter(rehearsal_of=None)
    conversation = found(drawn, pk=conversation_id)
    contact = _contact(conversation, query)
    told = explain(conversation=conversation, contact=contact, now=request.now)
    data = ExplanationOut(
        contact_id=contact.pk,
        email_address=contact.email or None,
        entered=told.entered,
        code=told.code or None,
        text=told.text,
        place=_place(told.place),
        entries=_out(told.entries),
        refusals=_out(told.refusals),
        messages=_out(told.messages),
        failures=_out(told.failures),
        waiting=_out(told.waiting),
    )
    return Resource[ExplanationOut](data=data)


def _contact(conversation: Conversation, query: WhoQuery) -> Contact:
    given = [query.email_address, query.phone_number, query.external_contact_id]
    if sum(bool(identifier.strip()) for identifier in given) != 1:
        raise InvalidParameterError("emailAddress")
    contact = named(conversation, query)
    if contact is None:
        raise NotFoundError
    return contact


def named(conversation: Conversation, query: WhoQuery) -> Contact | None:
    """Return the contact that the one given identifier names, if there is one."""
    if query.external_contact_id.strip():
        return _by_external_id(conversation, query.external_contact_id.strip())
    # A number without its country is one of where the list's texts go.
    code = ShortCode.objects.filter(email_list=conversation.list).order_by("pk").first()
    region = code.country if code else DEFAULT_REGION
    try:
        if query.email_address.strip():
            return find_contact(email_norm=normalise_email(query.email_address))
        return find_contact(phone_e164=normalise_phone(query.phone_number, region))
    except InvalidValueError as unreadable:
        raise InvalidParameterError(unreadable.field) from unreadable


def _by_external_id(conversation: Conversation, external_id: str) -> Contact | None:
    """Find by the id on the list, else by the one that orders know the person by."""
    rows = Subscription.objects.filter(list=conversation.list, external_contact_id=external_id)
    subscription = rows.select_related("contact").first()
    return subscription.contact if subscription else find_contact(external_id=external_id)


def _place(place: Place | None) -> PlaceOut | None:
    if place is None:
        return None
    return PlaceOut(**{**vars(place), "next": place.next_at, "reason": place.reason or None})


def _out(things: Sequence[Told]) -> list[ToldOut]:
    return [
        ToldOut(
            date=told.at,
            what=told.what,
            reason=told.reason or None,
            code=told.code or None,
            text=told.text or None,
            step_key=told.step_key or None,
            channel=told.channel or None,
            not_before=told.until,
        )
        for told in things
    ]
