"""The webhooks app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Endpoints, what happened, and the log of what they were told."""

    name = "conductor.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        """Say who notes what happened, and how people are forgotten."""
        from conductor.webhooks.noting import LISTENING as HEARD_BY_ENDPOINTS
        from conductor.webhooks.noting import note
        from conductor.webhooks.upkeep import forget_people
        from contacts.actions.erasure import ERASERS, Eraser
        from contacts.actions.happenings import LISTENING, NOTERS

        NOTERS["webhooks"] = note
        LISTENING["webhooks"] = HEARD_BY_ENDPOINTS
        ERASERS["webhooks"] = Eraser(clear=forget_people)
