"""The engine as an app: it holds the engine's tasks and commands."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """How contacts move."""

    name = "conductor.engine"
    label = "engine"
