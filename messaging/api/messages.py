"""Message under /email/v1: broadcasts, posted, scheduled, read; beyond the wire, called back."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from ninja import Query

from accounts.api import found_list
from accounts.models import ApiClient, List, Membership, Role
from accounts.wire import (
    Created,
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    Page,
    Refused,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    page_of,
)
from contacts.api.reading import read_end, read_time
from contacts.models import Segment
from messaging import reports
from messaging.actions import broadcasts as actions
from messaging.actions.commits import keep
from messaging.actions.messages import clean_content
from messaging.api.campaigns import found_campaign
from messaging.api.filters import FilterIn, resolved_filter
from messaging.api.reporting import (
    DatesQuery,
    read_address,
)
from messaging.api.saved_messages import UTF_8
from messaging.models import Broadcast, BroadcastKind, CommittedMessage
from messaging.models.message import UNTRACKED, UTM_CAMPAIGN, UTM_CONTENT, Channel
from messaging.reports import Scope

messages = Frame("", integration="email", tag="Message")

MESSAGES = "/email/v1/List/{list_id}/Message"
MESSAGE = MESSAGES + "/{message_id}"
OURS = "/conductor/v1/List/{list_id}/Message/{message_id}"
LEVELS = ["List", "Message"]
MOST_LABEL = 120
NAMES = {
    "subject": "subject",
    "from_name": "fromName",
    "from_email": "fromEmail",
    "reply_to": "replyEmail",
    "html": "bodyHtml",
    "text": "bodyText",
    "address": "testEmailAddress",
}


class AudienceIn(WireIn):
    """
    Whom a message is for: all of the list unless something is said.

    `includedSegments` and `excludedSegments` are names of saved segments, and ours.
    """

    saved_audience_id: int = 0
    filter: FilterIn | None = None
    included_segments: list[str] = []
    excluded_segments: list[str] = []


class MessageIn(AudienceIn):
    """A message to send, and to whom."""

    campaign_id: int = 0
    body_html: str = ""
    body_text: str = ""
    code_page: int = UTF_8
    enable_passalong: bool = False
    enable_tracking: bool = True
    enable_universal_email_key_setting: bool = False
    external_campaign_id: str = ""
    from_email: str = ""
    from_name: str = ""
    google_analytics_campaign_name: str = ""
    google_analytics_campaign_content: str = ""
    reply_email: str = ""
    subject: str
    preheader: str = ""
    to_name: str = ""


class SendOptions(WireIn):
    """When a message is sent, or to whom alone."""

    send_date: str = ""
    send_test_message: bool = False
    send_review_message: bool = False
    test_email_address: str = ""


class MessagesQuery(DatesQuery):
    """Which messages to show."""

    include_test_messages: bool = False


class MessageOut(WireOut):
    """A message in a list of them."""

    message_id: int
    send_date: datetime
    message_status: str
    campaign_id: int
    external_campaign_id: str
    subject: str


class SegmentsApplied(WireOut):
    """The saved segments whose members a message is sent to, and those it is not."""

    included_segments: list[str]
    excluded_segments: list[str]


class MessageExtended(WireOut):
    """A message, whole."""

    message_id: int
    send_date: datetime
    message_status: str
    enable_universal_email_key_setting: bool
    campaign_id: int
    body_html: str
    body_text: str
    code_page: int
    enable_passalong: bool
    enable_tracking: bool
    external_campaign_id: str
    from_email: str
    from_name: str
    google_analytics_campaign_name: str
    google_analytics_campaign_content: str
    reply_email: str
    saved_audience_id: int
    segments_applied: SegmentsApplied
    subject: str
    to_name: str


def broadcasts_of(list_id: int) -> "QuerySet[Broadcast]":
    """Return the emails sent or to be sent to a list's audiences, tests among them."""
    rows = Broadcast.objects.filter(list=found_list(list_id), channel=Channel.EMAIL)
    rows = rows.exclude(kind=BroadcastKind.TRANSACTIONAL)
    return rows.select_related("message__list", "message__account", "account").order_by("pk")


def found_message(list_id: int, message_id: int) -> tuple[Broadcast, CommittedMessage, Scope]:
    """
    Return a message of a list, what it says, and what is its own.

    :raises NotFoundError: if there is none.
    """
    row = found(broadcasts_of(list_id), pk=message_id)
    return row, row.message, reports.of_broadcast(row)


def message_out(row: Any, subject: str) -> MessageOut:
    """Write a broadcast as the wire has a message."""
    return MessageOut(
        message_id=row.pk,
        send_date=row.started_at or row.send_at,
        message_status=row.status,
        campaign_id=row.campaign_id or 0,
        external_campaign_id=row.external_campaign_id,
        subject=subject,
    )


@messages.get(MESSAGES, answer=Page[MessageOut], levels=LEVELS)
def all_messages(
    request: WireRequest, list_id: Id, wanted: Query[MessagesQuery]
) -> Page[MessageOut]:
    """
    Return the messages of a list, by the time they are sent if asked; tests only if asked.

    The dates ask for the `sendDate` that is shown, both ends inside. What conversations send and
    what is sent one by one is not among them.
    """
    rows: Any = broadcasts_of(list_id)
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_end("endDate", wanted.end_date, request.zone)
    if start or end:
        rows = rows.annotate(shown_at=Coalesce("started_at", "send_at"))
    rows = rows.filter(shown_at__gte=start) if start else rows
    rows = rows.filter(shown_at__lte=end) if end else rows
    if not wanted.include_test_messages:
        rows = rows.filter(kind=BroadcastKind.LIST)
    # A message may be megabytes: of each the subject alone is read.
    brief: Any = rows.select_related(None).annotate(
        subject=KeyTextTransform("subject", "message__content")
    )
    page = page_of(brief, wanted, request)
    return page.answer(MessageOut, (message_out(row, row.subject or "") for row in page))


@messages.post(MESSAGES, levels=LEVELS, names=NAMES)
def send_message(
    request: WireRequest, list_id: Id, body: MessageIn, options: Query[SendOptions]
) -> Created:
    """
    Send a message to an audience, at once or at `sendDate`; or only a test or a copy to review.

    Without sender the list's is taken. With `testEmailAddress` a test goes there besides; a
    test alone goes nowhere else. A copy to review goes there, or to the account's owners.
    """
    in_list = found_list(list_id)
    message = committed(in_list, body, request)
    made = send(
        request,
        message,
        options,
        **named_audience(in_list, body),
        options=shown_options(body),
        **actions.campaign_fields(
            found_campaign(list_id, body.campaign_id), body.external_campaign_id
        ),
    )
    return created(made.pk)


def named_audience(in_list: List, asked: AudienceIn) -> dict[str, Any]:
    """
    Return whom a message is for, as `plan_broadcast` takes it: included, excluded, rule.

    :raises InvalidParameterError: naming what there is not.
    """
    included = named_segments(in_list, "includedSegments", asked.included_segments)
    if asked.saved_audience_id:
        included = [*audience("savedAudienceId", in_list, asked.saved_audience_id), *included]
    return {
        "included": included,
        "excluded": named_segments(in_list, "excludedSegments", asked.excluded_segments),
        "rule": resolved_filter(in_list, asked.filter) if asked.filter else None,
    }


def committed(in_list: List, body: MessageIn, request: WireRequest) -> CommittedMessage:
    """
    Freeze what a body says.

    :raises InvalidParameterError: naming what it lacks: subject, sender, body.
    """
    content: dict[str, Any] = clean_content(
        {
            "subject": body.subject,
            "preheader": body.preheader,
            "from_name": body.from_name or in_list.from_name,
            "from_email": body.from_email or in_list.from_email,
            "reply_to": body.reply_email or in_list.reply_to,
            "html": body.body_html,
            "text": body.body_text,
        }
    )
    for name in ("subject", "from_email", "from_name"):
        if not content[name].strip():
            raise InvalidParameterError(NAMES[name])
    if not (content["html"].strip() or content["text"].strip()):
        raise InvalidParameterError("bodyHtml")
    content.pop("mjml", None)
    labels = {
        UTM_CAMPAIGN: body.google_analytics_campaign_name.strip()[:MOST_LABEL],
        UTM_CONTENT: body.google_analytics_campaign_content.strip()[:MOST_LABEL],
    }
    content |= {key: label for key, label in labels.items() if label}
    if not body.enable_tracking:
        content[UNTRACKED] = True
    name = content["subject"][:120]
    return keep(in_list=in_list, channel=Channel.EMAIL, name=name, content=content, now=request.now)


def shown_options(body: MessageIn) -> dict[str, Any]:
    """Return what is kept to be shown again, beside what a message says."""
    kept = ("code_page", "enable_passalong", "enable_tracking", "to_name")
    analytics = ("google_analytics_campaign_name", "google_analytics_campaign_content")
    return {name: getattr(body, name) for name in (*kept, *analytics)}


def send(
    request: WireRequest, message: CommittedMessage, wanted: SendOptions, **about: Any
) -> Broadcast:
    """
    Send a message as the query says.

    :raises Refused: for flags that exclude each other.
    :raises InvalidParameterError: for what is no date or no address, a test without one.
    """
    refuse_contrary(wanted)
    by: ApiClient = request.client
    send_at = read_time("sendDate", wanted.send_date, request.zone) or request.now
    test = read_address("testEmailAddress", wanted.test_email_address)
    to = {"included": about.pop("included", ()), "excluded": about.pop("excluded", ())}
    to["rule"] = about.pop("rule", None)
    copy = {**about, "message": message, "now": request.now, "by": by}
    if wanted.send_review_message:
        owners = Membership.objects.filter(role=Role.OWNER).values_list("user__email", flat=True)
        addresses = [test] if test else sorted(owners)
        return actions.send_copy(addresses=addresses, kind=BroadcastKind.REVIEW, **copy)
    if wanted.send_test_message and not test:
        raise InvalidParameterError("testEmailAddress")
    if test:
        tested = actions.send_copy(addresses=[test], kind=BroadcastKind.TEST, **copy)
        if wanted.send_test_message:
            return tested
    return actions.plan_broadcast(send_at=send_at, **to, **copy)


def refuse_contrary(wanted: SendOptions) -> None:
    """Refuse flags that exclude each other, with the wire's codes."""
    has_date = bool(wanted.send_date.strip())
    contrary = {
        "TEST_FLAG_AND_REVIEW_FLAG": wanted.send_test_message and wanted.send_review_message,
        "TEST_FLAG_AND_SEND_DATE": wanted.send_test_message and has_date,
        "REVIEW_FLAG_AND_SEND_DATE": wanted.send_review_message and has_date,
    }
    for code, is_given in contrary.items():
        if is_given:
            raise Refused(
                code=f"ERROR_{code}_SET",
                message="Only one of sendDate, sendTestMessage and sendReviewMessage may be set.",
            )


def named_segments(in_list: List, parameter: str, names: list[str]) -> list[Segment]:
    """
    Return saved segments of a list by their names.

    :raises InvalidParameterError: naming `parameter`, for one that the list has not.
    """
    rows = {
        row.name.lower(): row
        for row in Segment.objects.filter(list=in_list)
        if row.name.lower() in {name.strip().lower() for name in names}
    }
    if any(name.strip().lower() not in rows for name in names):
        raise InvalidParameterError(parameter)
    return list(rows.values())


def audience(parameter: str, in_list: List, segment_id: int) -> list[Segment]:
    """
    Return a saved segment of a list by its id.

    :raises InvalidParameterError: naming `parameter`, if the list has none.
    """
    rows = list(Segment.objects.filter(list=in_list, pk=segment_id))
    if not rows:
        raise InvalidParameterError(parameter)
    return rows


@messages.get(MESSAGE, answer=Resource[MessageExtended], levels=LEVELS)
def one_message(request: WireRequest, list_id: Id, message_id: Id) -> Resource[MessageExtended]:
    """Return a message, whole."""
    row, message, _ = found_message(list_id, message_id)
    content, kept = message.content, row.options
    return Resource[MessageExtended](
        data=MessageExtended(
            **message_out(row, content.get("subject", "")).model_dump(),
            enable_universal_email_key_setting=message.list.enable_universal_email_key_setting,
            body_html=content.get("html", ""),
            body_text=content.get("text", ""),
            code_page=kept.get("code_page", UTF_8),
            enable_passalong=kept.get("enable_passalong", False),
            enable_tracking=kept.get("enable_tracking", True),
            from_email=content.get("from_email", ""),
            from_name=content.get("from_name", ""),
            google_analytics_campaign_name=kept.get("google_analytics_campaign_name", ""),
            google_analytics_campaign_content=kept.get("google_analytics_campaign_content", ""),
            reply_email=content.get("reply_to", ""),
            saved_audience_id=row.segment_id or 0,
            segments_applied=SegmentsApplied(
                included_segments=row.included, excluded_segments=row.excluded
            ),
            to_name=kept.get("to_name", ""),
        )
    )


@messages.delete(OURS, levels=LEVELS)
def cancel_message(request: WireRequest, list_id: Id, message_id: Id) -> Deleted:
    """Call a message back before its time."""
    row, _, _ = found_message(list_id, message_id)
    actions.cancel_broadcast(broadcast=row, now=request.now, by=request.client)
    return deleted()


__all__ = ["UTF_8", "SendOptions", "messages", "send"]
