"""The messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Messaging: see the package's docstring."""

    name = "messaging"
