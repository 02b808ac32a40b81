"""Sending a saved message to an audience, a test or a copy to review: SavedMessage/{id}/Message."""

from ninja import Query

from accounts.wire import Created, Frame, Id, WireRequest, created, found
from messaging import actions
from messaging.actions.broadcasts import campaign_fields
from messaging.api.messages import SendOptions, send
from messaging.api.saved_messages import LEVELS, MESSAGES, messages_of

saved_sends = Frame("/email/v1", integration="email", tag="SavedMessage")


@saved_sends.post(
    MESSAGES + "/{saved_message_id}/Message", levels=LEVELS, names={"address": "testEmailAddress"}
)
def send_saved_message(
    request: WireRequest, list_id: Id, saved_message_id: Id, options: Query[SendOptions]
) -> Created:
    """
    Send a saved message as it is now to all of its list, at once or at `sendDate`.

    It goes to who is Subscribed; the resourceId is the messageId. `testEmailAddress` gets a test
    besides, with `sendTestMessage` alone; `sendReviewMessage` sends a copy there or to the account's
    owners. For a part of the list use `POST .../Message`.
    """
    row = found(
        messages_of(list_id).select_related("list__account", "campaign"), pk=saved_message_id
    )
    made = send(
        request,
        actions.commit_email(saved_message=row, now=request.now),
        options,
        saved_message=row,
        **campaign_fields(row.campaign, row.external_campaign_id),
    )
    return created(made.pk)
