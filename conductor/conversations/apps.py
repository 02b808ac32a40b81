"""The conversations app."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations, versions, enrollments, visits."""

    name = "conductor.conversations"
    label = "conversations"

    def ready(self) -> None:
        """
        Tell rules and segments what a list's names mean, and who uses a segment.

        And how people are forgotten, which conversations caps count by campaign, and that a
        list with conversations is kept.
        """
        from accounts.lists import KEEPERS
        from conductor.conversations.actions import erasure
        from conductor.conversations.campaigns import conversations_of
        from conductor.conversations.models import Conversation
        from conductor.conversations.names import ListNames
        from conductor.conversations.uses import users_of_field, users_of_segment
        from contacts.actions.erasure import ERASERS, Eraser
        from contacts.actions.uses import USERS_OF_FIELD
        from contacts.filters import naming
        from messaging.eligibility import CAMPAIGNS

        naming.register(names=ListNames, users_of_segment=users_of_segment)
        USERS_OF_FIELD["conversations"] = users_of_field
        CAMPAIGNS["conversations"] = conversations_of
        KEEPERS["conversations"] = lambda one: (
            "conversations" if Conversation.objects.filter(list=one).exists() else ""
        )
        ERASERS["conversations"] = Eraser(clear=erasure.forget, hold=erasure.hold)
