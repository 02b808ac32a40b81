"""Why a message was not sent: the closed list, each with a sentence for the marketer."""

from django.db import models


class Reason(models.TextChoices):
    """
    Why a message was not sent; the closed list of the product.

    Two carry a detail when stored: `template error (line 3)`, `provider rejected (550)`.
    """

    FREQUENCY_CAP = "frequency-cap", "They have had as many messages lately as the cap allows."
    QUIET_HOURS = "quiet-hours-deferred", "It was held over their quiet hours."
    NOT_IN_LIST = "no-longer-in-list/segment", "They are not on the list any more."
    FAILS_FLOW_FILTER = "fails-flow-filter", "They did not match the conversation's filter."
    FAILS_STEP_FILTER = "fails-step-filter", "They did not match the step's filter."
    MISSING_ADDRESS = "missing address", "We have no address or number for them."
    INVALID_ADDRESS = "invalid address", "Their address or number is not a valid one."
    SUPPRESSED = "suppressed", "They have unsubscribed, or their address is suppressed."
    NO_CONSENT = (
        "no consent for this list/purpose",
        "They have not agreed to messages of this list.",
    )
    PENDING_DOUBLE_OPT_IN = "pending double opt-in", "They have not yet confirmed their opt-in."
    AGE_GATE = "age gate", "They have not yet confirmed their age."
    TEMPLATE_ERROR = "template error", "The message could not be filled in; see the line named."
    MISSING_VARIABLE = "missing variable", "A value that the message needs is missing."
    ITEM_UNAVAILABLE = "catalogue item unavailable", "A product in the message is not available."
    COUPON_POOL_EMPTY = "coupon pool empty", "There was no coupon left to give."
    OVER_ACCOUNT_LIMIT = "over account limit", "The account has reached its limit."
    CONTACT_DELETED = (
        "contact deleted",
        "The contact was deleted, or the number is no contact's.",
    )
    INVALID_SENDER = (
        "invalid sender / unverified domain",
        "The message has no valid sender address.",
    )
    PROVIDER_REJECTED = "provider rejected", "The provider did not accept the message."
    EXTERNAL_DATA_ERROR = "external data error", "Data from another system could not be fetched."
    HOLDOUT = "holdout", "They are in a group that gets no messages."
    DUPLICATE = "duplicate", "The same message was asked for before."
    CONVERSATION_PAUSED = "conversation paused/expired", "The conversation was paused or expired."
    SUPERSEDED = "superseded by version", "A newer version of the conversation took over."
    EXITED_BY_GOAL = "exited by goal", "They reached the goal first."
    CONNECTION_LOST = (
        "connection lost",
        "The connection broke after the message was handed over: it may have arrived.",
    )
    SENDER_DIED = (
        "sender died",
        "The sender was stopped while the message was on its way: it may have arrived.",
    )


def sentence(reason: str) -> str:
    """Explain a stored reason to a marketer; an unknown one is returned as it is."""
    known = reason.partition(" (")[0]
    return str(Reason(known).label) if known in Reason.values else reason
