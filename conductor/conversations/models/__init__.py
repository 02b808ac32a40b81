"""Conversations, the versions that run, and where every contact is."""

from conductor.conversations.models.conversation import Conversation, Revision, Version
from conductor.conversations.models.enrollment import Enrollment, Refusal, Turn, Visit

__all__ = ["Conversation", "Enrollment", "Refusal", "Revision", "Turn", "Version", "Visit"]
