"""The API of conversations: files, publication, what became of contacts, and why."""

from conductor.conversations.api.by_hand import by_hand
from conductor.conversations.api.conversations import conversations
from conductor.conversations.api.email import email_conversations
from conductor.conversations.api.explanations import explanations
from conductor.conversations.api.progress import progress

FRAMES = [conversations, progress, email_conversations, explanations, by_hand]

__all__ = ["FRAMES"]
