"""How a conversation stands: Draft, Active, Edits Pending, Paused or Expired."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from conductor.conversations.models import Conversation

Status = Literal["Draft", "Active", "Edits Pending", "Paused", "Expired"]


def status(conversation: Conversation, *, now: datetime) -> Status:
    """
    Say how a conversation stands; one query unless `published` was fetched with it.

    Paused and Expired say more of what runs than pending edits do, and come first.
    """
    version = conversation.published
    if version is None:
        return "Draft"
    if conversation.paused_at is not None:
        return "Paused"
    expires = version.program.get("expires")
    if expires and datetime.fromisoformat(expires) <= now:
        return "Expired"
    return "Edits Pending" if has_edits(conversation) else "Active"


def has_edits(conversation: Conversation) -> bool:
    """Say whether the draft differs from what runs."""
    version = conversation.published
    if version is None:
        return True
    return (conversation.draft, conversation.commits) != (version.document, version.commits)


def statuses(conversations: Iterable[Conversation], *, now: datetime) -> dict[int, Status]:
    """Say how each stands, by id; they come with `published` fetched."""
    return {conversation.pk: status(conversation, now=now) for conversation in conversations}
