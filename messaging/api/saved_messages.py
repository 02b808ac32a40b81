"""SavedMessage: the emails kept on a list."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.api import found_list
from accounts.models import List
from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    InvalidParameterError,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
)
from messaging import actions
from messaging.actions.broadcasts import campaign_fields
from messaging.api.campaigns import found_campaign
from messaging.models import SavedMessage

saved_messages = Frame("/email/v1", integration="email", tag="SavedMessage")

MESSAGES = "/List/{list_id}/SavedMessage"
LEVELS = ["List", "Message"]
UTF_8 = 65001  # the code page, as Windows counts them
NAMES = {
    "name": "savedMessageName",
    "reply_to": "replyEmail",
    "html": "bodyHtml",
    "text": "bodyText",
}


class SavedMessageIn(WireIn):
    """A saved message to be."""

    saved_message_name: str
    subject: str
    preheader: str = ""
    from_name: str
    from_email: str
    reply_email: str = ""
    body_html: str = ""
    body_text: str = ""
    campaign_id: int = 0
    external_campaign_id: str = ""


class SavedMessageChange(SavedMessageIn):
    """What a saved message is to be; what the wire leaves out becomes empty."""


class SavedMessageOut(WireOut):
    """A saved message in a list of them; no campaign is campaign 0."""

    saved_message_id: int
    saved_message_name: str
    campaign_id: int = 0
    create_date: datetime
    last_modified_date: datetime
    external_campaign_id: str = ""
    subject: str


class SavedMessageExtended(WireOut):
    """A saved message, whole."""

    enable_universal_email_key_setting: bool
    saved_message_id: int
    saved_message_name: str
    campaign_id: int = 0
    body_html: str
    body_text: str
    code_page: int = UTF_8
    create_date: datetime
    last_modified_date: datetime
    enable_passalong: bool = False
    enable_tracking: bool
    external_campaign_id: str = ""
    from_email: str
    from_name: str
    google_analytics_campaign_name: str = ""
    google_analytics_campaign_content: str = ""
    reply_email: str
    subject: str
    to_name: str = ""


def messages_of(list_id: int) -> "QuerySet[SavedMessage]":
    """Return the saved messages of a list."""
    return SavedMessage.objects.filter(list=found_list(list_id)).order_by("pk")


@saved_messages.get(MESSAGES, answer=Collection[SavedMessageOut], levels=LEVELS)
def all_saved_messages(request: WireRequest, list_id: Id) -> Collection[SavedMessageOut]:
    """Return the saved messages of a list."""
    rows = messages_of(list_id).defer("mjml", "html", "text")
    return Collection[SavedMessageOut](
        data=[
            SavedMessageOut(
                saved_message_id=row.pk,
                saved_message_name=row.name,
                campaign_id=row.campaign_id or 0,
                external_campaign_id=row.external_campaign_id,
                create_date=row.created_at,
                last_modified_date=row.modified_at,
                subject=row.subject,
            )
            for row in rows
        ]
    )


@saved_messages.post(MESSAGES, levels=LEVELS, names=NAMES)
def create_saved_message(request: WireRequest, list_id: Id, body: SavedMessageIn) -> Created:
    """
    Create a saved message.

    Its name is the list's own. Bodies are templates (`{{ contact.first_name }}`): a fault in one is
    refused with its line. It may be sent to an audience, one by one as a transactional message under
    the same id, and from a conversation.
    """
    return created(stored(request, found_list(list_id), body).pk)


def stored(
    request: WireRequest, in_list: List, body: SavedMessageIn, message: SavedMessage | None = None
) -> SavedMessage:
    """
    Create a saved message, or replace `message`.

    :raises InvalidParameterError: for a campaign that the list has not, and for an empty
        subject or sender.
    """
    about = campaign_fields(found_campaign(in_list.pk, body.campaign_id), body.external_campaign_id)
    for name in ("subject", "from_name", "from_email"):
        if not getattr(body, name).strip():
            raise InvalidParameterError(name)
    saved = actions.save_message(
        list=in_list,
        message=message,
        name=body.saved_message_name,
        subject=body.subject,
        preheader=body.preheader,
        from_name=body.from_name,
        from_email=body.from_email,
        reply_to=body.reply_email,
        html=body.body_html,
        text=body.body_text,
        now=request.now,
        by=request.client,
    )
    for name, value in about.items():
        setattr(saved, name, value)
    saved.save(update_fields=list(about))
    return saved


@saved_messages.get(
    MESSAGES + "/{saved_message_id}", answer=Resource[SavedMessageExtended], levels=LEVELS
)
def one_saved_message(
    request: WireRequest, list_id: Id, saved_message_id: Id
) -> Resource[SavedMessageExtended]:
    """Return a saved message."""
    row = found(messages_of(list_id).select_related("list"), pk=saved_message_id)
    return Resource[SavedMessageExtended](data=extended(row))


@saved_messages.put(
    MESSAGES + "/{saved_message_id}",
    answer=Resource[SavedMessageExtended],
    levels=LEVELS,
    names=NAMES,
)
def change_saved_message(
    request: WireRequest, list_id: Id, saved_message_id: Id, body: SavedMessageChange
) -> Resource[SavedMessageExtended]:
    """
    Replace a saved message; conversations send what they committed until it is committed again.

    What the body leaves out becomes empty. Messages that are scheduled already go out as they were.
    """
    row = found(messages_of(list_id).select_related("list"), pk=saved_message_id)
    return Resource[SavedMessageExtended](data=extended(stored(request, row.list, body, row)))


def extended(row: SavedMessage) -> SavedMessageExtended:
    """Write a saved message, whole."""
    return SavedMessageExtended(
        enable_universal_email_key_setting=row.list.enable_universal_email_key_setting,
        saved_message_id=row.pk,
        saved_message_name=row.name,
        campaign_id=row.campaign_id or 0,
        external_campaign_id=row.external_campaign_id,
        body_html=row.html,
        body_text=row.text,
        create_date=row.created_at,
        last_modified_date=row.modified_at,
        enable_tracking=row.list.track_clicks,
        from_email=row.from_email,
        from_name=row.from_name,
        reply_email=row.reply_to,
        subject=row.subject,
    )
