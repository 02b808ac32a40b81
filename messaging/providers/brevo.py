"""Brevo."""

from typing import Any

from anymail.backends.brevo import EmailBackend
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.brevo import BrevoTrackingWebhookView

from messaging.providers import Field
from messaging.transports.esp import EspCarrier


class Brevo(EspCarrier):
    """Brevo's API and its webhooks, which carry no signature: their address is secret."""

    kind = "brevo"
    label = "Brevo"
    about = "Brevo (once Sendinblue), by its API."
    backend_class = EmailBackend
    hook_class = BrevoTrackingWebhookView
    fields = (Field("api_key", "API key", "An API v3 key.", secret=True, required=True),)

    def credentials(self) -> dict[str, Any]:
        """Return the key."""
        return {"api_key": self.secrets["api_key"]}

    def is_hard(self, event: AnymailTrackingEvent) -> bool:
        """Say whether it is for good."""
        return str((event.esp_event or {}).get("event")) in {"hard_bounce", "invalid_email"}


CARRIER = Brevo
