"""Forms of conversations: their heading, and one form per kind of step."""

from conductor.conversations.forms.heading import (
    ConversationForm,
    FileForm,
    SettingsForm,
    ThreadForm,
    settings_initial,
)
from conductor.conversations.forms.kinds import form_of
from conductor.conversations.forms.step import StepForm

__all__ = [
    "ConversationForm",
    "FileForm",
    "SettingsForm",
    "StepForm",
    "ThreadForm",
    "form_of",
    "settings_initial",
]
