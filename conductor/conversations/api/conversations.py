"""Conversations under /conductor/v1: files in and out, publication, what became of contacts."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, Literal, TypeVar

from django.http import HttpResponse
from ninja import Query, Status
from pydantic import ConfigDict

from accounts.models import List
from accounts.wire import (
    Collection,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    deleted,
    found,
    page_of,
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
from conductor.conversations.cautions import find_cautions
from conductor.conversations.document import Document, parse_document
from conductor.conversations.models import Conversation, Enrollment, Version
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, Media, read_structure
from conductor.conversations.remarks import held_sentence, remarks
from conductor.conversations.summary import summarize
from conductor.conversations.writing import write_yaml
from contacts.models import Contact

F = TypeVar("F", bound=Callable[..., Any])

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


class StepOut(WireOut):
    """A step: arrivals = waiting + sum of exits."""

    thread: str
    step_key: str
    arrivals: int
    waiting: int
    exits: dict[str, int]


class DeliveryCountOut(WireOut):
    """How many deliveries of a step are in a state."""

    thread: str
    step_key: str
    channel: str
    state: str
    reason: str | None
    count: int


class RemarkOut(WireOut):
    """What was only counted at a step: why calls and scripts failed, zones that fell back."""

    step_key: str | None
    text: str
    count: int
    last_date: datetime


class SummaryOut(WireOut):
    """
    A conversation's numbers from one snapshot: entered = waiting + ended.

    `converted` are those of the ended who reached the conversation's goal or a goal step.
    `remarks` are those of all versions.
    """

    entered: int
    waiting: int
    ended: int
    converted: int
    steps: list[StepOut]
    deliveries: list[DeliveryCountOut]
    remarks: list[RemarkOut]


class EnrollmentOut(WireOut):
    """
    A contact's place in a version.

    `reason` is why it ended or is held, in the engine's word; `text` says a held one's in words.
    """

    enrollment_id: int
    email_address: str | None
    version: int
    thread: str
    step_key: str
    state: Literal["waiting", "held", "ended"]
    entered_date: datetime
    arrived_date: datetime
    due_date: datetime | None
    ended_date: datetime | None
    reason: str | None
    text: str | None


class VersionQuery(WireIn):
    """Which version: `published`, or a number."""

    version: str = ""


def by_id(method: str, path: str, **demands: Any) -> Callable[[F], F]:
    """Declare a route on `Conversation/{id}`, which also answers below the conversation's list."""

    def declare(view: F) -> F:
        whole = f"/Conversation/{{conversation_id}}{path}"
        conversations.route(method, f"/List/{{list_id}}{whole}", **demands, in_schema=False)(
            _below_list(view)
        )
        return conversations.route(method, whole, **demands)(view)

    return declare


def _below_list(view: Callable[..., Any]) -> Callable[..., Any]:
    """Give a view the list's id as well: a conversation of another list is not found there."""

    @wraps(view)
    def routed(request: WireRequest, list_id: int, conversation_id: int, **given: Any) -> Any:
        in_list = found(List.objects.all(), pk=list_id)
        found(Conversation.objects.filter(list=in_list), pk=conversation_id)
        return view(request, conversation_id, **given)

    request, *rest = signature(view).parameters.values()
    list_id = Parameter("list_id", Parameter.POSITIONAL_OR_KEYWORD, annotation=Id)
    routed.__signature__ = Signature([request, list_id, *rest])  # type: ignore[attr-defined]
    return routed


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


@by_id("GET", "", answer=Resource[FileOut], levels=["List"])
def read_conversation(request: WireRequest, conversation_id: Id, query: Query[VersionQuery]) -> Any:
    """
    Read a conversation as a file: its draft, or `?version=published|N`.

    With `Accept: application/yaml` the answer is the canonical file itself.
    """
    conversation = _found(conversation_id)
    version = _version(conversation, query.version)
    structure = exported(conversation, document=version.document if version else None)
    if _wants_yaml(request):
        return HttpResponse(write_yaml(structure), content_type=f"{YAML}; charset=utf-8")
    return Resource[FileOut](data=FileOut(**structure))


@by_id(
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
    conversation = _found(conversation_id)
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


@by_id("DELETE", "/Publication", answer=Deleted, levels=["Message"])
def delete_publication(request: WireRequest, conversation_id: Id) -> Deleted:
    """Pause: nobody enters or moves, nothing is lost."""
    conversation = _found(conversation_id)
    try:
        pause_conversation(conversation=conversation, now=request.now, by=request.client)
    except NotPublishedError as never:
        raise NotFoundError from never
    return deleted()


@by_id(
    "GET",
    "/Summary",
    answer=Resource[SummaryOut],
    levels=["List"],
)
def read_summary(
    request: WireRequest, conversation_id: Id, query: Query[VersionQuery]
) -> Resource[SummaryOut]:
    """Count who entered, waits and ended, by step, and the deliveries, in one snapshot."""
    conversation = _found(conversation_id)
    summary = summarize(conversation=conversation, version=_version(conversation, query.version))
    data = SummaryOut(
        entered=summary.entered,
        waiting=summary.waiting,
        ended=summary.ended,
        converted=summary.converted,
        steps=[StepOut(**vars(step)) for step in summary.steps],
        deliveries=[
            DeliveryCountOut(**{**vars(row), "reason": row.reason or None})
            for row in summary.deliveries
        ],
        remarks=[
            RemarkOut(
                step_key=row.step_key or None,
                text=row.text,
                count=row.count,
                last_date=row.last_at,
            )
            for row in remarks(conversation)
        ],
    )
    return Resource[SummaryOut](data=data)


@by_id(
    "GET",
    "/Enrollment",
    answer=Page[EnrollmentOut],
    levels=["Contact"],
)
def list_enrollments(
    request: WireRequest, conversation_id: Id, paging: Query[PageQuery]
) -> Page[EnrollmentOut]:
    """List the contacts that entered, and where each is."""
    conversation = _found(conversation_id)
    rows = page_of(Enrollment.objects.filter(conversation=conversation), paging, request)
    return rows.answer(EnrollmentOut, _enrollments(list(rows)))


def _cautions(
    conversation: Conversation, document: dict[str, Any], commits: dict[str, int]
) -> list[ProblemOut]:
    parsed = parse_document(document)
    names = ListNames(conversation.list, zone=parsed.heading.time_zone)
    found = find_cautions(parsed, names, commits)
    return [ProblemOut(**caution.as_dict()) for caution in found]


def _found(conversation_id: int) -> Conversation:
    drawn = Conversation.objects.filter(rehearsal_of=None).select_related("list", "published")
    return found(drawn, pk=conversation_id)


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


def _version(conversation: Conversation, wanted: str) -> Version | None:
    """Return the version that a query names; None where it names none."""
    if not wanted:
        return None
    if wanted.lower() == "published":
        version: Version | None = conversation.published
        if version is None:
            raise NotFoundError
        return version
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 9:
        raise InvalidParameterError("version")
    return found(Version.objects.filter(conversation=conversation), number=int(wanted))


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


def _enrollments(rows: list[Enrollment]) -> Iterator[EnrollmentOut]:
    """Complete a page of enrollments with one query for contacts, one for versions."""
    emails = dict(
        Contact.objects.filter(pk__in={row.contact_id for row in rows}).values_list("pk", "email")
    )
    versions = Version.objects.in_bulk({row.version_id for row in rows})
    for row in rows:
        version = versions[row.version_id]
        yield EnrollmentOut(
            enrollment_id=row.pk,
            email_address=emails.get(row.contact_id) or None,
            version=version.number,
            thread=version.program["steps"][row.step_key]["thread"],
            step_key=row.step_key,
            state=_state(row),
            entered_date=row.entered_at,
            arrived_date=row.arrived_at,
            due_date=None if row.ended_at else row.due_at,
            ended_date=row.ended_at,
            reason=(row.end_reason if row.ended_at else row.held_reason) or None,
            text=None if row.ended_at else held_sentence(row.held_reason) or None,
        )


def _state(row: Enrollment) -> Literal["waiting", "held", "ended"]:
    if row.ended_at is not None:
        return "ended"
    return "held" if row.held_reason else "waiting"
