"""What became of a conversation's contacts, under /conductor/v1: counts, and where each is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from ninja import Query

from accounts.wire import Frame, Id, Page, PageQuery, Resource, WireOut, WireRequest, page_of
from conductor.conversations.api.routes import VersionQuery, by_id, found_conversation, version_of
from conductor.conversations.models import Enrollment, Version
from conductor.conversations.remarks import held_sentence, remarks
from conductor.conversations.summary import summarize
from contacts.models import Contact

progress = Frame("/conductor/v1", integration="email", tag="Conversations")


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
    """
    What was only counted: why calls and scripts failed, zones that fell back.

    Without a `stepKey` it is what no step asks: goal, exit rule, re-entry.
    """

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


@by_id(
    progress,
    "GET",
    "/Summary",
    answer=Resource[SummaryOut],
    levels=["List"],
)
def read_summary(
    request: WireRequest, conversation_id: Id, query: Query[VersionQuery]
) -> Resource[SummaryOut]:
    """Count who entered, waits and ended, by step, and the deliveries, in one snapshot."""
    conversation = found_conversation(conversation_id)
    summary = summarize(conversation=conversation, version=version_of(conversation, query.version))
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
    progress,
    "GET",
    "/Enrollment",
    answer=Page[EnrollmentOut],
    levels=["Contact"],
)
def list_enrollments(
    request: WireRequest, conversation_id: Id, paging: Query[PageQuery]
) -> Page[EnrollmentOut]:
    """List the contacts that entered, and where each is."""
    conversation = found_conversation(conversation_id)
    rows = page_of(Enrollment.objects.filter(conversation=conversation), paging, request)
    return rows.answer(EnrollmentOut, _enrollments(list(rows)))


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
