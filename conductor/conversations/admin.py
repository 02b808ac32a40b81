"""What support sees of conversations."""

from django.contrib import admin

from accounts.support import ReadOnlyAdmin
from conductor.conversations.models import Conversation, Enrollment, Refusal, Version


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Conversations."""

    list_display = ["id", "name", "list_id", "published_id", "paused_at", "modified_at"]


@admin.register(Version)
class VersionAdmin(ReadOnlyAdmin):
    """Published versions."""

    list_display = ["id", "conversation_id", "number", "published_at"]


@admin.register(Enrollment)
class EnrollmentAdmin(ReadOnlyAdmin):
    """Where contacts are."""

    list_display = ["id", "conversation_id", "contact_id", "step_key", "due_at", "ended_at"]


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin):
    """Who did not enter, and why."""

    list_display = ["id", "conversation_id", "contact_id", "reason", "refused_at"]
