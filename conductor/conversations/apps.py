"""The conversations app."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations, versions, enrollments, visits."""

    name = "conductor.conversations"
    label = "conversations"
