"""What is done to conversations: draw, commit messages, publish, pause, bring in a file."""

from conductor.conversations.actions.commits import commit_message
from conductor.conversations.actions.drafts import (
    ConversationChangedError,
    create_conversation,
    delete_conversation,
    discard_draft,
    document_of,
    duplicate_conversation,
    problems_of,
    save_draft,
)
from conductor.conversations.actions.files import Applied, apply_file, exported
from conductor.conversations.actions.publishing import (
    NotPublishedError,
    Publication,
    UnsoundConversationError,
    pause_conversation,
    publish_conversation,
    resume_conversation,
)
from conductor.conversations.actions.status import status, statuses

__all__ = [
    "Applied",
    "ConversationChangedError",
    "NotPublishedError",
    "Publication",
    "UnsoundConversationError",
    "apply_file",
    "commit_message",
    "create_conversation",
    "delete_conversation",
    "discard_draft",
    "document_of",
    "duplicate_conversation",
    "exported",
    "pause_conversation",
    "problems_of",
    "publish_conversation",
    "resume_conversation",
    "save_draft",
    "status",
    "statuses",
]
