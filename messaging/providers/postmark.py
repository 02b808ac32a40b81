"""Postmark."""

from typing import Any

from anymail.backends.postmark import EmailBackend
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.postmark import PostmarkTrackingWebhookView

from messaging.providers import Field
from messaging.transports.esp import EspCarrier


class Postmark(EspCarrier):
    """Postmark's API and its webhooks, which carry no signature: their address is secret."""

    kind = "postmark"
    label = "Postmark"
    about = "Postmark, by its API."
    backend_class = EmailBackend
    hook_class = PostmarkTrackingWebhookView
    fields = (
        Field("server_token", "Server API token", secret=True, required=True),
        Field("message_stream", "Message stream", "Such as broadcast. Empty: outbound."),
    )

    def credentials(self) -> dict[str, Any]:
        """Return token and stream."""
        stream = self.settings.get("message_stream") or None
        return {"server_token": self.secrets["server_token"], "message_stream": stream}

    def is_hard(self, event: AnymailTrackingEvent) -> bool:
        """Say whether it is for good."""
        said = event.esp_event or {}
        return str(said.get("Type") or said.get("SuppressionReason")) == "HardBounce"


CARRIER = Postmark
