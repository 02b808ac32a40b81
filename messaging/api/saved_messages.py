"""SavedMessage: the emails kept on a list."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.api import found_list
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
    enable_tracking: bool = False
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
    rows = messages_of(list_id).only("name", "subject", "created_at", "modified_at", "list_id")
    return Collection[SavedMessageOut](
        data=[
            SavedMessageOut(
                saved_message_id=row.pk,
                saved_message_name=row.name,
                create_date=row.created_at,
                last_modified_date=row.modified_at,
                subject=row.subject,
            )
            for row in rows
        ]
    )


@saved_messages.post(MESSAGES, levels=LEVELS, names=NAMES)
def create_saved_message(request: WireRequest, list_id: Id, body: SavedMessageIn) -> Created:
    """Create a saved message."""
    shown = found_list(list_id)
    if body.campaign_id:
        raise InvalidParameterError("campaignId")
    for name in ("subject", "from_name", "from_email"):
        if not getattr(body, name).strip():
            raise InvalidParameterError(name)
    made = actions.save_message(
        list=shown,
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
    return created(made.pk)


@saved_messages.get(
    MESSAGES + "/{saved_message_id}", answer=Resource[SavedMessageExtended], levels=LEVELS
)
def one_saved_message(
    request: WireRequest, list_id: Id, saved_message_id: Id
) -> Resource[SavedMessageExtended]:
    """Return a saved message."""
    shown = found_list(list_id)
    row = found(messages_of(list_id), pk=saved_message_id)
    return Resource[SavedMessageExtended](
        data=SavedMessageExtended(
            enable_universal_email_key_setting=shown.enable_universal_email_key_setting,
            saved_message_id=row.pk,
            saved_message_name=row.name,
            body_html=row.html,
            body_text=row.text,
            create_date=row.created_at,
            last_modified_date=row.modified_at,
            from_email=row.from_email,
            from_name=row.from_name,
            reply_email=row.reply_to,
            subject=row.subject,
        )
    )
