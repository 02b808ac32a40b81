"""Message: emails of the list that the contact was sent, and what it did with them."""

from contacts.filters.scope import Names
from messaging.models.message import Channel
from messaging.traces import Trace


class MessageLeaf(Trace):
    """`{message: {did, conversation, step, saved_message, within | since, count}}`."""

    kind = "message"
    channel = Channel.EMAIL
    noun = "message"
    named = "saved_message"
    verbs = {
        "sent": ("was sent", "was not sent"),
        "opened": ("opened", "did not open"),
        "read": ("read", "did not read"),
        "clicked": ("clicked in", "did not click in"),
        "bounced": ("bounced on", "did not bounce on"),
        "converted": ("converted after", "did not convert after"),
    }

    def is_message(self, name: str, names: Names) -> bool:
        """Ask for a saved message."""
        return names.saved_message(name) is not None


LEAF = MessageLeaf()
