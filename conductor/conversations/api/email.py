"""Conversation under /email/v1, as the vendor has it: read alone, with what came of its messages."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from ninja import Query

from accounts.api import found_list
from accounts.wire import (
    Amount,
    Collection,
    Frame,
    Id,
    Page,
    PageQuery,
    Resource,
    WireOut,
    WireRequest,
    found,
    page_of,
)
from conductor.conversations.actions.status import status
from conductor.conversations.models import Conversation, Version
from messaging import reports
from messaging.api.messages import UTF_8
from messaging.api.reporting import (
    REPORTS,
    ActivityOut,
    ActivityQuery,
    ClickerOut,
    DatesQuery,
    LinkOut,
    MessageSummaryOut,
    activity_page,
    clickers_page,
    link_out,
    links_page,
    message_summary,
    one_link,
    sums,
)
from messaging.models import Campaign, CommittedMessage
from messaging.models.message import Channel
from messaging.reports import Scope

email_conversations = Frame("/email/v1", integration="email", tag="Conversation")

ALL = "/List/{list_id}/Conversation"
ONE = ALL + "/{conversation_id}"
MESSAGES = ONE + "/Message"
MESSAGE = MESSAGES + "/{conversation_message_id}"
LINK = MESSAGE + "/Link/{conversation_message_link_id}"
LEVELS = ["List", "Message"]
# What runs with edits that wait is published all the same; nobody enters what is paused.
STATUSES = {
    "Draft": "Unpublished",
    "Active": "Published",
    "Edits Pending": "Published",
    "Paused": "Closed",
    "Expired": "Closed",
}
RUNNING, OVER = "RecurringSend", "Sent"


class EmailConversationOut(WireOut):
    """A conversation, as the vendor has it; without a campaign it is of campaign 0."""

    conversation_id: int
    conversation_name: str
    campaign_id: int
    expiration_date: datetime | None
    status: str


class ConversationMessageOut(WireOut):
    """An email of a conversation: the copy that it sends."""

    message_id: int
    send_date: datetime | None = None
    message_status: str
    campaign_id: int
    external_campaign_id: str = ""
    subject: str


class ConversationMessageExtended(WireOut):
    """An email of a conversation, whole."""

    message_id: int
    send_date: datetime | None = None
    message_status: str
    enable_universal_email_key_setting: bool
    campaign_id: int
    body_html: str
    body_text: str
    code_page: int = UTF_8
    enable_passalong: bool = False
    enable_tracking: bool
    external_campaign_id: str = ""
    from_email: str
    from_name: str
    google_analytics_campaign_name: str = ""
    google_analytics_campaign_content: str = ""
    reply_email: str
    saved_audience_id: int = 0
    subject: str
    to_name: str = ""


class ConversationSummaryOut(WireOut):
    """A conversation's emails, added up as a message's are; delivered is what did not bounce."""

    average_order_value: Amount
    bounce_count: int
    click_count: int
    conversion_count: int
    delivered_count: int
    open_count: int
    read_count: int
    revenue: Amount
    sent_count: int
    unsubscribe_count: int
    visit_count: int


class ConversationMessagesQuery(PageQuery):
    """Which messages of a conversation to show."""

    include_previous_versions: bool = False


def conversations_of(list_id: int) -> "QuerySet[Conversation]":
    """Return the conversations of a list; test runs are none."""
    rows = Conversation.objects.filter(list=found_list(list_id), rehearsal_of=None)
    return rows.select_related("published").order_by("pk")


def campaigns_of(list_id: int) -> dict[str, int]:
    """Return the ids of a list's campaigns by their names in small letters."""
    rows = Campaign.objects.filter(list=list_id).values_list("name", "pk")
    return {name.lower(): pk for name, pk in rows}


def campaign_of(conversation: Conversation, campaigns: dict[str, int]) -> int:
    """Return the id of the campaign that a conversation's file names, 0 for none."""
    version = conversation.published
    document = version.document if version else conversation.draft
    return campaigns.get(str(document.get("campaign") or "").lower(), 0)


def conversation_out(
    row: Conversation, campaigns: dict[str, int], now: datetime
) -> EmailConversationOut:
    """Write a conversation as the wire has it."""
    expires = row.published.program.get("expires") if row.published else None
    return EmailConversationOut(
        conversation_id=row.pk,
        conversation_name=row.name,
        campaign_id=campaign_of(row, campaigns),
        expiration_date=datetime.fromisoformat(expires) if expires else None,
        status=STATUSES[status(row, now=now)],
    )


def committed_of(conversation: Conversation, *, earlier: bool) -> set[int]:
    """Return the ids of the messages that a conversation sends, or with earlier versions sent."""
    versions = Version.objects.filter(conversation=conversation)
    if not earlier:
        versions = versions.filter(pk=conversation.published_id or 0)
    commits = versions.values_list("commits", flat=True)
    return {int(message_id) for one in commits for message_id in one.values()}


def emails(conversation: Conversation, *, earlier: bool) -> "QuerySet[CommittedMessage]":
    """Return the emails of a conversation."""
    wanted = committed_of(conversation, earlier=earlier)
    rows = CommittedMessage.objects.filter(pk__in=wanted, channel=Channel.EMAIL)
    return rows.select_related("list", "account")


def found_message(
    list_id: int, conversation_id: int, message_id: int
) -> tuple[Conversation, CommittedMessage, Scope]:
    """
    Return a conversation, one of its messages of whatever version, and what is theirs.

    :raises NotFoundError: if there is none.
    """
    conversation = found(conversations_of(list_id), pk=conversation_id)
    message = found(emails(conversation, earlier=True), pk=message_id)
    return conversation, message, reports.of_conversation_message(conversation.pk, message)


@email_conversations.get(ALL, answer=Collection[EmailConversationOut], levels=["List"])
def all_conversations(request: WireRequest, list_id: Id) -> Collection[EmailConversationOut]:
    """
    Return the conversations of a list.

    `status` is Published, Unpublished (a draft) or Closed (paused, expired). Steps and contacts are
    under `/conductor/v1/Conversation`; people enter by events, subscriptions and imports.
    """
    rows = conversations_of(list_id)
    campaigns = campaigns_of(list_id)
    return Collection[EmailConversationOut](
        data=[conversation_out(row, campaigns, request.now) for row in rows]
    )


@email_conversations.get(ONE, answer=Resource[EmailConversationOut], levels=["List"])
def one_conversation(
    request: WireRequest, list_id: Id, conversation_id: Id
) -> Resource[EmailConversationOut]:
    """Return a conversation."""
    row = found(conversations_of(list_id), pk=conversation_id)
    shown = conversation_out(row, campaigns_of(list_id), request.now)
    return Resource[EmailConversationOut](data=shown)


@email_conversations.get(
    ONE + "/Summary", answer=Resource[ConversationSummaryOut], levels=["List", "Report"]
)
def conversation_summary(
    request: WireRequest, list_id: Id, conversation_id: Id
) -> Resource[ConversationSummaryOut]:
    """
    Add up what came of a conversation's emails.

    Of all versions, counted as a message's; `deliveredCount` is what was sent and did not bounce.
    Texts and test runs are not counted.
    """
    row = found(conversations_of(list_id), pk=conversation_id)
    given = sums(reports.of_conversation(row.pk))
    delivered = given["sent_count"] - given["bounce_count"]
    return Resource[ConversationSummaryOut](
        data=ConversationSummaryOut(delivered_count=delivered, **given)
    )


@email_conversations.get(MESSAGES, answer=Page[ConversationMessageOut], levels=LEVELS)
def conversation_messages(
    request: WireRequest, list_id: Id, conversation_id: Id, wanted: Query[ConversationMessagesQuery]
) -> Page[ConversationMessageOut]:
    """
    Return the emails that a conversation sends, and if asked those of its earlier versions.

    Each is the copy that is sent, frozen at the publish: the same content has one id, whatever step
    sends it. `messageStatus` is RecurringSend while it is sent, Sent once it is not; `sendDate` is
    null.
    """
    row = found(conversations_of(list_id), pk=conversation_id)
    running = committed_of(row, earlier=False)
    campaign_id = campaign_of(row, campaigns_of(list_id))
    # A message may be megabytes: of each the subject alone is read.
    rows = emails(row, earlier=wanted.include_previous_versions).defer("content")
    with_subject: QuerySet[Any] = rows.annotate(subject=KeyTextTransform("subject", "content"))
    page = page_of(with_subject, wanted, request)
    return page.answer(
        ConversationMessageOut,
        (
            ConversationMessageOut(
                message_id=message.pk,
                message_status=RUNNING if message.pk in running else OVER,
                campaign_id=campaign_id,
                subject=message.subject or "",
            )
            for message in page
        ),
    )


@email_conversations.get(MESSAGE, answer=Resource[ConversationMessageExtended], levels=LEVELS)
def conversation_message(
    request: WireRequest, list_id: Id, conversation_id: Id, conversation_message_id: Id
) -> Resource[ConversationMessageExtended]:
    """Return an email of a conversation, whole."""
    row, message, _ = found_message(list_id, conversation_id, conversation_message_id)
    content = message.content
    is_running = message.pk in committed_of(row, earlier=False)
    return Resource[ConversationMessageExtended](
        data=ConversationMessageExtended(
            message_id=message.pk,
            message_status=RUNNING if is_running else OVER,
            enable_universal_email_key_setting=message.list.enable_universal_email_key_setting,
            campaign_id=campaign_of(row, campaigns_of(list_id)),
            body_html=content.get("html", ""),
            body_text=content.get("text", ""),
            enable_tracking=message.list.track_clicks,
            from_email=content.get("from_email", ""),
            from_name=content.get("from_name", ""),
            reply_email=content.get("reply_to", ""),
            subject=content.get("subject", ""),
        )
    )


@email_conversations.get(MESSAGE + "/Activity", answer=Page[ActivityOut], levels=REPORTS)
def conversation_activity(
    request: WireRequest,
    list_id: Id,
    conversation_id: Id,
    conversation_message_id: Id,
    wanted: Query[ActivityQuery],
) -> Page[ActivityOut]:
    """
    Return who was sent an email of a conversation, and what each did with it.

    As for a message; somebody who was sent it twice is there twice. Test runs are not.
    """
    _, _, scope = found_message(list_id, conversation_id, conversation_message_id)
    return activity_page(scope, wanted, request)


@email_conversations.get(MESSAGE + "/Link", answer=Page[LinkOut], levels=REPORTS)
def conversation_links(
    request: WireRequest,
    list_id: Id,
    conversation_id: Id,
    conversation_message_id: Id,
    wanted: Query[PageQuery],
) -> Page[LinkOut]:
    """Return the links of an email of a conversation."""
    _, message, scope = found_message(list_id, conversation_id, conversation_message_id)
    return links_page(scope, message, wanted, request)


@email_conversations.get(LINK, answer=Resource[LinkOut], levels=REPORTS)
def conversation_link(
    request: WireRequest,
    list_id: Id,
    conversation_id: Id,
    conversation_message_id: Id,
    conversation_message_link_id: Id,
) -> Resource[LinkOut]:
    """Return a link of an email of a conversation."""
    _, message, scope = found_message(list_id, conversation_id, conversation_message_id)
    return Resource[LinkOut](data=link_out(one_link(scope, message, conversation_message_link_id)))


@email_conversations.get(LINK + "/Clicker", answer=Page[ClickerOut], levels=REPORTS)
def conversation_clickers(
    request: WireRequest,
    list_id: Id,
    conversation_id: Id,
    conversation_message_id: Id,
    conversation_message_link_id: Id,
    wanted: Query[DatesQuery],
) -> Page[ClickerOut]:
    """Return who followed a link of an email of a conversation."""
    _, message, scope = found_message(list_id, conversation_id, conversation_message_id)
    return clickers_page(scope, message, conversation_message_link_id, wanted, request)


@email_conversations.get(MESSAGE + "/Summary", answer=Resource[MessageSummaryOut], levels=REPORTS)
def conversation_message_summary(
    request: WireRequest, list_id: Id, conversation_id: Id, conversation_message_id: Id
) -> Resource[MessageSummaryOut]:
    """Add up what came of an email of a conversation."""
    _, _, scope = found_message(list_id, conversation_id, conversation_message_id)
    return message_summary(scope)
