"""Conversations under /conductor/v1: files in and out, publication."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Status
from pydantic import ConfigDict

from accounts.models import List
from accounts.wire import (
    Collection,
    Deleted,
    Frame,
    Id,
    NotFoundError,
    Refused,
    Resource,
    WireOut,
    WireRequest,
    deleted,
    found,
)
from accounts.wire.parsing import JSON_TYPES, read_body
from conductor.conversations.actions import (
    NotPublishedError,
    UnsoundConversationError,
    apply_file,
    exported,
    pause_conversation,
    publish_conversation,
    status,
)
from conductor.conversations.api.routes import (
    VersionQuery,
    by_id,
    found_conversation,
    version_of,
)
from conductor.conversations.cautions import find_cautions
from conductor.conversations.document import Document, parse_document
from conductor.conversations.models import Conversation
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, Media, read_structure
from conductor.conversations.writing import write_yaml

YAML = "application/yaml"
YAML_TYPES = (YAML, "application/x-yaml", "text/yaml", "text/x-yaml")

conversations = Frame("/conductor/v1", integration="email", tag="Conversations")


class ProblemOut(WireOut):
    """What keeps the draft from being published, and where."""

    path: str
    thread: str
    step: str
    code: str
    text: str


class AppliedOut(WireOut):
    """What became of a file: 201 a new conversation, 200 a new draft."""

    status: int
    resource_id: str
    problems: list[ProblemOut]
    # Its keys are the file's own words, not camelCase: {"saved_message": name}.
    created: list[dict[str, str]]
    # What its messages say that the marketer should know of; it keeps nobody from publishing.
    warnings: list[ProblemOut]


class PublishedOut(WireOut):
    """A publication: 201 a new version or a resumption, 200 nothing to do; the version's number."""

    status: int
    resource_id: str
    warnings: list[ProblemOut]


class ConversationOut(WireOut):
    """A conversation in a list of them; `version` is the running one's number."""

    conversation_id: int
    conversation_name: str
    status: Literal["Draft", "Active", "Edits Pending", "Paused", "Expired"]
    version: int | None
    modified_date: datetime


class FileOut(WireOut):
    """The conversation file; see the file format's description."""

    model_config = ConfigDict(extra="allow")


@conversations.post(
    "/List/{list_id}/Conversation",
    answer={201: AppliedOut, 200: AppliedOut},
    levels=["Message"],
    accepts=(*JSON_TYPES, *YAML_TYPES),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}},
                YAML: {"schema": {"type": "string"}},
            },
        }
    },
)
def apply_conversation(request: WireRequest, list_id: Id) -> Any:
    """
    Make a conversation file the draft of the list's conversation of that name.

    201 where it is new, 200 where a draft was replaced; what runs goes on. `problems` keep
    it from being published, `created` is what the file brought and the list lacked.
    """
    in_list = found(List.objects.all(), pk=list_id)
    document = _document(request)
    try:
        done = apply_file(list=in_list, document=document, now=request.now, by=request.client)
    except MalformedConversationError as malformed:
        raise _refused(malformed) from malformed
    answer = AppliedOut(
        status=201 if done.is_new else 200,
        resource_id=str(done.conversation.pk),
        problems=[ProblemOut(**problem.as_dict()) for problem in done.problems],
        created=done.created,
        warnings=_cautions(done.conversation, done.conversation.draft, done.conversation.commits),
    )
    return Status(answer.status, answer)


@conversations.get(
    "/List/{list_id}/Conversation", answer=Collection[ConversationOut], levels=["List"]
)
def list_conversations(request: WireRequest, list_id: Id) -> Collection[ConversationOut]:
    """List a list's conversations with their status."""
    in_list = found(List.objects.all(), pk=list_id)
    rows = (
        Conversation.objects.filter(list=in_list, rehearsal_of=None)
        .select_related("published")
        .order_by("pk")
    )
    return Collection[ConversationOut](data=[_conversation(row, request.now) for row in rows])


@by_id(conversations, "GET", "", answer=Resource[FileOut], levels=["List"])
def read_conversation(request: WireRequest, conversation_id: Id, query: Query[VersionQuery]) -> Any:
    """
    Read a conversation as a file: its draft, or `?version=published|N`.

    With `Accept: application/yaml` the answer is the canonical file itself.
    """
    conversation = found_conversation(conversation_id)
    version = version_of(conversation, query.version)
    structure = exported(conversation, document=version.document if version else None)
    if _wants_yaml(request):
        return HttpResponse(write_yaml(structure), content_type=f"{YAML}; charset=utf-8")
    return Resource[FileOut](data=FileOut(**structure))


@by_id(
    conversations,
    "POST",
    "/Publication",
    answer={201: PublishedOut, 200: PublishedOut},
    levels=["Message"],
)
def create_publication(request: WireRequest, conversation_id: Id) -> Any:
    """
    Put the draft live if it differs from what runs, and resume.

    201 with the version's number as `resourceId`; 200 if there was nothing to do. `warnings`
    are of its messages: names that there are not, emails that get the standard footer.
    """
    conversation = found_conversation(conversation_id)
    try:
        done = publish_conversation(conversation=conversation, now=request.now, by=request.client)
    except UnsoundConversationError as unsound:
        code = "ERROR_INVALID_CONVERSATION"
        raise Refused(code=code, message=unsound.problems[0].text) from unsound
    answer = PublishedOut(
        status=201 if done.changed else 200,
        resource_id=str(done.version.number),
        warnings=_cautions(conversation, done.version.document, done.version.commits),
    )
    return Status(answer.status, answer)


@by_id(conversations, "DELETE", "/Publication", answer=Deleted, levels=["Message"])
def delete_publication(request: WireRequest, conversation_id: Id) -> Deleted:
    """Pause: nobody enters or moves, nothing is lost."""
    conversation = found_conversation(conversation_id)
    try:
        pause_conversation(conversation=conversation, now=request.now, by=request.client)
    except NotPublishedError as never:
        raise NotFoundError from never
    return deleted()


def _cautions(
    conversation: Conversation, document: dict[str, Any], commits: dict[str, int]
) -> list[ProblemOut]:
    parsed = parse_document(document)
    names = ListNames(conversation.list, zone=parsed.heading.time_zone)
    found = find_cautions(parsed, names, commits)
    return [ProblemOut(**caution.as_dict()) for caution in found]


def _document(request: WireRequest) -> Document:
    media: Media = "yaml" if request.content_type in YAML_TYPES else "json"
    try:
        return parse_document(read_structure(read_body(request), media=media))
    except MalformedConversationError as malformed:
        raise _refused(malformed) from malformed


def _refused(malformed: MalformedConversationError) -> Refused:
    """Refuse a file with every fault, one a line, each after its path."""
    faults = [str(fault) for fault in malformed.faults]
    return Refused(code="ERROR_MALFORMED_REQUEST_BODY", message="\n".join(faults))


def _conversation(conversation: Conversation, now: datetime) -> ConversationOut:
    version = conversation.published
    return ConversationOut(
        conversation_id=conversation.pk,
        conversation_name=conversation.name,
        status=status(conversation, now=now),
        version=version.number if version else None,
        modified_date=conversation.modified_at,
    )


def _wants_yaml(request: WireRequest) -> bool:
    return request.get_preferred_type(["application/json", *YAML_TYPES]) in YAML_TYPES
