"""How far a conversation has come that went live on a long list."""

from dataclasses import dataclass

from conductor.conversations.alarms import to_come
from conductor.conversations.models import Conversation
from contacts.segments import jobs


@dataclass(frozen=True)
class SettingUp:
    """Contacts looked at, of how many; over all segments and dates that it starts from."""

    looked: int
    total: int


def setting_up(conversation: Conversation) -> SettingUp | None:
    """Say how far a running conversation has come; None once everybody was looked at."""
    if conversation.published is None:
        return None
    segments = [
        trigger["segment_id"]
        for trigger in conversation.published.program["triggers"]
        if trigger.get("segment_id")
    ]
    found = jobs.progress(segments, conversation_id=conversation.pk) if segments else []
    found += [
        (row.properties["looked"], row.properties["total"])
        for row in to_come(conversation.pk)
        if row.properties["triggers"]
    ]
    if not found:
        return None
    return SettingUp(sum(looked for looked, _ in found), sum(total for _, total in found))
