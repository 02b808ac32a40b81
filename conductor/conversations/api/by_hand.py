"""Contacts moved by hand: entered, moved on, ended, one of them or a segment."""

from typing import Any

from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import (
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    found,
)
from conductor.conversations.actions import NotPublishedError
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    skip_wait,
)
from conductor.conversations.actions.errands import is_under_way
from conductor.conversations.api.explanations import WhoQuery, named
from conductor.conversations.models import Conversation
from contacts.models import Segment

by_hand = Frame("/conductor/v1", integration="email", tag="Conversations")


class WhoIn(WireIn):
    """Whom: one identifier, or a segment of the list by name."""

    email_address: str = ""
    phone_number: str = ""
    external_contact_id: str = Field("", alias="externalContactID")
    segment: str = ""


class EnterIn(WhoIn):
    """Whom to let in, and where: "" is the first thread."""

    thread: str = ""


class MoveIn(WhoIn):
    """
    Whom to move, and how.

    `stepKey` narrows to those at a step, and is enough by itself; `exit` is the way out
    ("" = the way on); `skipWait` lets only those go who stand at a wait.
    """

    step_key: str = ""
    exit: str = ""
    skip_wait: bool = False


class EndIn(WhoIn):
    """Whom to end; `stepKey` narrows to those at a step, and is enough by itself."""

    step_key: str = ""


class EnrollmentCountOut(WireOut):
    """
    How many it concerns; the next tick carries it out.

    Of thousands the first are counted, `goesOn` is true, and the others follow in minutes.
    """

    count: int
    goes_on: bool


@by_hand.post(
    "/Conversation/{conversation_id}/Enrollment/Enter",
    answer=Resource[EnrollmentCountOut],
    levels=["Contact"],
)
def enter(request: WireRequest, conversation_id: Id, body: EnterIn) -> Resource[EnrollmentCountOut]:
    """
    Let a contact, or a segment, in at the start of a thread.

    Neither the trigger nor its filter is asked; the list, re-entry and who is inside are.
    """
    conversation = _conversation(conversation_id)
    chosen = _chosen(conversation, body, needed=True)
    try:
        count = enter_by_hand(
            conversation=conversation,
            chosen=chosen,
            thread=body.thread,
            now=request.now,
            by=request.client,
        )
    except NotPublishedError as never:
        text = "The conversation is not published."
        raise Refused(code="ERROR_INVALID_CONVERSATION", message=text) from never
    return _count(conversation, count)


@by_hand.post(
    "/Conversation/{conversation_id}/Enrollment/Move",
    answer=Resource[EnrollmentCountOut],
    levels=["Contact"],
)
def move(request: WireRequest, conversation_id: Id, body: MoveIn) -> Resource[EnrollmentCountOut]:
    """Let contacts leave the step they are at, without running it; or skip their wait."""
    conversation = _conversation(conversation_id)
    asked = _asked(request, conversation, body)
    if body.skip_wait:
        return _count(conversation, skip_wait(**asked))
    return _count(conversation, move_on(**asked, exit=body.exit))


@by_hand.post(
    "/Conversation/{conversation_id}/Enrollment/End",
    answer=Resource[EnrollmentCountOut],
    levels=["Contact"],
)
def end(request: WireRequest, conversation_id: Id, body: EndIn) -> Resource[EnrollmentCountOut]:
    """End the conversation for contacts, where they are."""
    conversation = _conversation(conversation_id)
    asked = _asked(request, conversation, body)
    return _count(conversation, end_by_hand(**asked))


def _count(conversation: Conversation, count: int) -> Resource[EnrollmentCountOut]:
    return Resource[EnrollmentCountOut](
        data=EnrollmentCountOut(count=count, goes_on=is_under_way(conversation))
    )


def _conversation(conversation_id: int) -> Conversation:
    conversations = Conversation.objects.select_related("list", "published", "account")
    return found(conversations.filter(rehearsal_of=None), pk=conversation_id)


def _asked(
    request: WireRequest, conversation: Conversation, body: MoveIn | EndIn
) -> dict[str, Any]:
    chosen = _chosen(conversation, body, needed=not body.step_key, step_key=body.step_key)
    return {
        "conversation": conversation,
        "chosen": chosen,
        "now": request.now,
        "by": request.client,
    }


def _chosen(conversation: Conversation, body: WhoIn, *, needed: bool, step_key: str = "") -> Chosen:
    who = WhoQuery.model_validate(
        {
            "emailAddress": body.email_address,
            "phoneNumber": body.phone_number,
            "externalContactID": body.external_contact_id,
        }
    )
    given = [body.email_address, body.phone_number, body.external_contact_id, body.segment]
    count = sum(bool(identifier.strip()) for identifier in given)
    if count > 1 or (needed and not count):
        raise InvalidParameterError("emailAddress")
    if body.segment:
        segment = Segment.objects.filter(list=conversation.list, name=body.segment).first()
        if segment is None:
            raise InvalidValueError("segment", f"The list has no segment “{body.segment}”.")
        return Chosen(segment=segment, step_key=step_key)
    if not count:
        return Chosen(step_key=step_key)
    contact = named(conversation, who)
    if contact is None:
        raise NotFoundError
    return Chosen(contact=contact, step_key=step_key)
