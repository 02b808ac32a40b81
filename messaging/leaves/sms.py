"""Sms: text messages of the list that the contact was sent, and what it answered."""

from contacts.filters.scope import Names
from messaging.models.message import Channel
from messaging.traces import Trace


class SmsLeaf(Trace):
    """`{sms: {did, conversation, step, sms_message, within | since, count}}`."""

    kind = "sms"
    channel = Channel.SMS
    noun = "text message"
    named = "sms_message"
    verbs = {
        "sent": ("was sent", "was not sent"),
        "failed": ("could not be sent", "did not fail to get"),
        "clicked": ("clicked in", "did not click in"),
        "replied": ("replied to", "did not reply to"),
        "converted": ("converted after", "did not convert after"),
    }

    def is_message(self, name: str, names: Names) -> bool:
        """Ask for a text message of some phone list."""
        return names.has_sms_message(name)


LEAF = SmsLeaf()
