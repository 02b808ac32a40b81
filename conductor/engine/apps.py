"""The engine as an app: it holds the engine's tasks and commands."""

import os
from importlib import import_module

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """How contacts move."""

    name = "conductor.engine"
    label = "engine"

    def ready(self) -> None:
        """Load what the tasks need before the workers are forked: none begins with loading it."""
        if os.environ.get("CONDUCTOR_ROLE") == "worker":
            for tasks in ("conductor.engine.tasks", "contacts.tasks", "messaging.tasks"):
                import_module(tasks)
