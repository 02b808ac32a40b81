"""Conversations, the versions that run, and where every contact is."""

from conductor.conversations.models.conversation import Conversation, Revision, Version
from conductor.conversations.models.enrollment import (
    Alarm,
    Call,
    CallState,
    Enrollment,
    Flow,
    Refusal,
    Tally,
    Trace,
    Turn,
    Visit,
)
from conductor.conversations.models.errand import Errand
from conductor.conversations.models.notice import Notice

__all__ = [
    "Alarm",
    "Call",
    "CallState",
    "Conversation",
    "Enrollment",
    "Errand",
    "Flow",
    "Notice",
    "Refusal",
    "Revision",
    "Tally",
    "Trace",
    "Turn",
    "Version",
    "Visit",
]
